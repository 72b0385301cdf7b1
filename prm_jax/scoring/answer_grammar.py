"""What a final answer says: its text read as a whole into a value.

The rules are in docs/answers.md. What cannot be read to its end is `Text`, which equals its own
text only: nothing is ever compared by a part of it.
"""

import functools
import re
from fractions import Fraction

from prm_jax.scoring.answer_formulas import NotReadError, formula
from prm_jax.scoring.answer_text import GREEK, MAX_LENGTH, Token, clean, tokens
from prm_jax.scoring.answer_units import ONE_LETTER, SCALES, Unit, is_unit, unit
from prm_jax.scoring.answer_values import (
    Choice,
    Combined,
    Date,
    Formula,
    Interval,
    Labelled,
    Listed,
    Matrix,
    Quantity,
    Ratio,
    Relation,
    Text,
    Unordered,
    holds,
    number,
    rational,
    symbols,
    with_sign,
)

_SIGNS = {
    "=": "=", "==": "=", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "!=": "!=", "lt": "<",
    "gt": ">", "le": "<=", "leq": "<=", "leqslant": "<=", "ge": ">=", "geq": ">=",
    "geqslant": ">=", "ne": "!=", "neq": "!=", "approx": "=", "in": "in",
}  # fmt: skip
_SETS = {"cup": "union", "cap": "intersection", "setminus": "without", "backslash": "without"}
_CLOSE = {"(": ")", "[": "]", "{": "}", "langle": "rangle", "lbrace": "rbrace"}
_EVERYTHING = Interval(("mul", number(-1), ("inf",)), ("inf",), False, False)
_CURRENCIES = {"$": "dollar", "€": "euro", "£": "gbp", "¥": "yen", "₹": "rupee"}
_CURRENCY_WORDS = {"usd": "dollar", "eur": "euro", "gbp": "gbp", "inr": "rupee", "us": "dollar"}
_MONTHS = "january february march april may june july august september october november december"
_MONTH = {name[:k]: n for n, name in enumerate(_MONTHS.split(), 1) for k in (3, len(name))}
_MONTH["sept"] = 9
_MONTH_NAMES = "|".join(sorted(_MONTH, key=len, reverse=True))
_DATES = (
    re.compile(r"(?P<y>\d{4})[-/](?P<m>\d{1,2})[-/](?P<d>\d{1,2})"),
    re.compile(
        rf"(?:[a-z]+day,? )?(?P<n>{_MONTH_NAMES})\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?"
        r"(?:,? (?P<y>\d{4}))?"
    ),
    re.compile(
        r"(?:[a-z]+day,? )?(?:the )?(?P<d>\d{1,2})(?:st|nd|rd|th)?(?: of)? "
        rf"(?P<n>{_MONTH_NAMES})\.?(?:,? (?P<y>\d{{4}}))?"
    ),
    re.compile(rf"(?P<n>{_MONTH_NAMES})\.?,? (?P<y>\d{{4}})"),
)
_SLASHED = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})")
_CLOCK = re.compile(r"(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?(?: ?([ap])\.? ?m\.?)?")
_CHOICE = re.compile(
    r"\(?([A-J]|[a-d](?=\)$))(?:\)(?=[\s\d\\$]|$)|[.:](?=\s|$))"
    r"(?!\s*(?:[,;]|(?:or|and)\b|\\(?:cdot|times|div|cup|overline)\b)) ?(.*)",
    re.DOTALL,
)
_BASED = re.compile(r"\(?([0-9A-Z]+)\)?_(?:\{(\d+)\}|(\d+))")
_LETTERS = re.compile(r"[^\W\d_](?: [^\W\d_])+")
_SIGNS_ONLY = re.compile(r"[()\[\]{}<>](?: ?[()\[\]{}<>])*")
_WORDS = re.compile(r"[^\W\d_]{2,}(?:[\s'-]+[^\W\d_]+)*|[^\W\d_]+(?:[\s'-]+[^\W\d_]{2,})+")
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_NUMBER_WORDS = {name: n for n, name in enumerate(_ONES)} | {
    name: 10 * n
    for n, name in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}
_PARTS = {"half": 2, "halve": 2, "third": 3, "quarter": 4} | {
    name: n for n, name in enumerate("fourth fifth sixth seventh eighth ninth tenth".split(), 4)
}
_PRODUCT = re.compile(r"[xyz]{2,3}")
_HOURS = {"noon": 12, "12 noon": 12, "midnight": 0, "12 midnight": 0}
_REALS = {"all real numbers", "all reals", "the real numbers", "real numbers", "all real number"}


@functools.lru_cache(maxsize=1 << 14)
def read(answer: str):
    """The value of an answer.

    Args:
        answer: as it was extracted, or as `clean` gives it.

    Returns:
        One of the values of `answer_values`; None for no answer.
    """
    text = clean(answer)
    if not text:
        return None
    try:
        return _special(text) or _alternatives(_once_joined(tokens(text)))
    except (NotReadError, RecursionError, ValueError, ZeroDivisionError, OverflowError):
        return _text(text)


def _text(text):
    """An answer of which no more is known than what is written."""
    words = re.sub(r"\\(?:text|textbf|mathrm|mbox|operatorname)\s*\{([^{}]*)\}", r" \1 ", text)
    words = re.sub(r"\\[lc]?dots[bco]?(?![a-zA-Z])|\.\.\.+", "...", words)
    words = re.sub(r"(\\[a-zA-Z]+)(?=\d)|(\\[a-zA-Z]+)\{(\w)\}", r"\1\2 \3", words)
    words = re.sub(r"\s*([^\w\s]|_)\s*", r"\1", " ".join(words.split())).replace('"', "'")
    named = re.search(r"(?<![\\a-zA-Z])[^\W\d_]{2,}", text)
    return Text(words.casefold() if named and "\\" not in words else words)


def _special(text):
    """What is recognised by its look as a whole; None otherwise."""
    if len(text) > MAX_LENGTH:
        return _text(text)
    plain = re.sub(r"\\(?:text|textbf|mathrm|mbox)\s*\{([^{}]*)\}", r"\1", text)
    unstyled = " ".join(plain.split())
    plain = (
        " ".join(plain.replace("\\", "\\ ").split()) if "\\" in plain else " ".join(plain.split())
    )
    lower = plain.lower()
    if date := _date(lower):
        return date
    if clock := _clock(lower):
        return clock
    if lower in _HOURS:
        return Ratio((_HOURS[lower], 0, 0), True, "p" if _HOURS[lower] else "a")
    if lower in _REALS or text in (r"\mathbb{R}", r"\mathbb R"):
        return _EVERYTHING
    if lower in ("empty set", "the empty set", "null set") or text in (
        r"\emptyset",
        r"\varnothing",
    ):
        return Unordered(())
    if (value := _spoken_quantity(lower)) or (value := _composed(lower)) or (value := _rows(text)):
        return value
    if restated := re.fullmatch(r"(.*\S) \((.*)\)", plain):
        if any(_spoken(part.lower()) is not None for part in restated.groups()):
            first, second = map(read, restated.groups())
            return first if first == second else None
    if (choice := _CHOICE.fullmatch(unstyled)) and (
        choice[2] or not unstyled.startswith("(") or choice[1].islower()
    ):
        return Choice(choice[1].upper(), read(choice[2]) if choice[2] else None)
    if (based := _BASED.fullmatch(plain)) and not based[1].isdigit():
        base = int(based[2] or based[3])
        if 2 <= base <= 36 and (based[1][0].isdigit() or (base == 16 and len(based[1]) > 1)):
            return Formula(number(int(based[1], base)))
    if _LETTERS.fullmatch(plain) or _SIGNS_ONLY.fullmatch(plain):
        return Text(lower.replace(" ", ""))
    if lower in ("infinity", "pi") or _PRODUCT.fullmatch(plain):
        return None
    if _WORDS.fullmatch(plain) and plain.split()[0].lower() not in _NUMBER_WORDS:
        if not re.search(r"\b(?:or|and)\b", lower):
            return Text(lower)
    return None


def _spoken(words):
    """The number that words say, such as "two hundred and five"; None if they say none."""
    if words in _NUMBER_WORDS:
        return _NUMBER_WORDS[words]
    if tens := re.fullmatch(r"([a-z]+ty)[- ]([a-z]+)", words):
        if tens[1] in _NUMBER_WORDS and 0 < _NUMBER_WORDS.get(tens[2], 0) < 10:
            return _NUMBER_WORDS[tens[1]] + _NUMBER_WORDS[tens[2]]
    for scale in ("billion", "million", "thousand", "hundred", "dozen"):
        many, found, rest = words.partition(f" {scale}")
        if found and (not rest or rest[0] == " "):
            rest = rest.strip().removeprefix("and ")
            parts = 1 if many == "a" else _spoken(many), _spoken(rest) if rest else 0
            if None in parts or parts[1] >= SCALES[scale]:
                return None
            return parts[0] * SCALES[scale] + parts[1]
    return None


def _spoken_quantity(text):
    """A number in words, a fraction in words, or a number in words with a unit; or None."""
    if (value := _spoken(text)) is not None:
        return Formula(number(value))
    if fraction := re.fullmatch(r"([a-z]+)[- ]([a-z]+)", text):
        top, bottom = _spoken(fraction[1]), _PARTS.get(fraction[2].removesuffix("s"))
        if top and bottom:
            return Formula(number(Fraction(top, bottom)))
    words = text.split()
    for cut in range(len(words) - 1, 0, -1):
        value, rest = _spoken(" ".join(words[:cut])), " ".join(words[cut:])
        if value is not None and rest.isascii() and rest.replace(" ", "").isalpha():
            measure = None if rest.split()[0].removesuffix("s") in _PARTS else unit(rest)
            return Quantity(number(value), measure) if measure else None
    return None


def _composed(text):
    """5 feet 6 inches, 2 hours and 30 minutes: units of one kind, from large to small; or None."""
    number_of, word = r"\d+(?:\.\d+)?", r"[a-z]+"
    if not re.fullmatch(rf"{number_of} {word}(?:(?:,? and|,)? {number_of} {word}){{1,2}}", text):
        return None
    parts = [(Fraction(n), unit(w)) for n, w in re.findall(rf"({number_of}) ({word})", text)]
    units = [u for _, u in parts if u is not None and not u.name.startswith("words")]
    sizes = [u.size for u in units]
    if len(units) < len(parts) or len({u.name for u in units}) > 1:
        return None
    if sizes != sorted(set(sizes), reverse=True):
        return None
    total = sum(n * size for (n, _), size in zip(parts, sizes)) / sizes[0]
    return Quantity(number(total), units[0])


def _rows(text):
    """What stands in the rows of `cases` or `aligned`, as a list; None if it has columns."""
    found = re.fullmatch(
        r"(?:\\\{ ?)?\\begin ?\{(cases|aligned|align\*?|gathered|array)\}(?:\{l\})?"
        r"(.*)\\end ?\{\1\}",
        text,
    )
    if not found or found[1] == "array" and not text.startswith(r"\{"):
        return None
    body = found[2].replace("&", "") if "align" in found[1] else found[2]
    rows = [row.strip().rstrip(",") for row in re.split(r"\\\\(?:\s*\[[^\]]*\])?", body)]
    joined = ", ".join(row for row in rows if row)
    if "&" in joined or not joined:
        return None
    value = read(re.sub(r",\s*(?==)", " ", joined))
    return None if isinstance(value, Text) else value


def _date(text):
    for pattern in _DATES:
        if found := pattern.fullmatch(text):
            parts = found.groupdict()
            month = _MONTH[parts["n"]] if parts.get("n") else int(parts["m"])
            day, year = int(parts.get("d") or 0), int(parts.get("y") or 0)
            return Date(year, month, day) if month <= 12 and day <= 31 else None
    if (found := _SLASHED.fullmatch(text)) and (found[2] != "-" or len(found[4]) == 4):
        # Day and month cannot be told apart: it is the same as itself.
        return Text("date " + "/".join(str(int(found[k])) for k in (1, 3, 4)))
    return None


def _clock(text):
    found = _CLOCK.fullmatch(text)
    if not found or not (found[2] or found[4]):
        return None
    hour, minute, second = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    if hour > 24 or minute > 59 or second > 59:
        return None
    half = found[4] or ""
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    return Ratio((hour, minute, second), True, half)


def _alternatives(found):
    """Things joined by "or", else a list."""
    parts = _split(found, _is_or)
    if len(parts) == 1:
        return _list(found)
    values = [_list(part) for part in parts]
    _check_logic(found, _is_or, values)
    if isinstance(values[0], Labelled) and not any(isinstance(v, Labelled) for v in values[1:]):
        inside = Unordered((values[0].value, *values[1:]))
        return Labelled(values[0].label, inside)
    return _of_one_name(values) or Unordered(_members(parts, values))


def _members(parts, values):
    """Values of a collection, the two of a plus-minus sign each for itself."""
    members: list = []
    for part, value in zip(parts, values):
        several = isinstance(value, Unordered) and part[0].value not in ("{", "lbrace")
        members += value.items if several else [value]
    return tuple(members)


def _check_logic(found, joins, values):
    """Refuses signs of logic between things that are neither equations nor inequalities."""
    if any(joins(t) and t.value in ("lor", "land") for _, t in _outside(found)):
        if not all(isinstance(value, Relation | Labelled | Listed) for value in values):
            raise NotReadError


def _once_joined(found):
    """The tokens without the comma of "1, 2, and 3" or "1, 2, or 3".

    "for" before a membership is a comma.
    """
    last = max((k for k, t in enumerate(found) if t[:2] == ("cmd", "in")), default=0)
    found = [
        Token("word", "and", t.spaced) if k < last and _is_condition(t) else t
        for k, t in enumerate(found)
    ]
    follow = [*found[1:], Token("end", "")]
    joins = [_is_or(t) or (_is_comma(t) and t.kind in ("word", "text")) for t in follow]
    return tuple(t for t, joined in zip(found, joins) if not (t[:2] == ("op", ",") and joined))


def _is_condition(token):
    return token.kind in ("word", "text") and token.value.lower() in ("for", "where", "with")


def _is_or(token):
    return (
        token.kind in ("word", "text")
        and token.value.lower() == "or"
        or token[:2] == ("cmd", "lor")
    )


def _is_comma(token):
    if token.kind in ("word", "text"):
        return token.value.lower() in ("and", ", and", ",and", "and,")
    return token.kind == "op" and token.value in (",", ";") or token[:2] in (("cmd", "land"),)


def _split(found, at):
    """Parts between the tokens that `at` picks outside all brackets."""
    parts, depth, start = [], 0, 0
    for index, token in enumerate(found):
        depth += _turn(token)
        if depth <= 0 and at(token):
            parts.append(tuple(found[start:index]))
            start = index + 1
    return [*parts, tuple(found[start:])]


def _turn(token):
    """1 for a token that opens a bracket, -1 for one that closes one."""
    if token.kind == "op":
        return (token.value in "([{") - (token.value in ")]}")
    if token.kind == "cmd":
        opening = token.value in ("{", "langle", "lbrace", "lfloor", "lceil", "begin")
        return opening - (token.value in ("}", "rangle", "rbrace", "rfloor", "rceil", "end"))
    return 0


def _list(found):
    if matched := _half_open(found):
        return matched
    parts = _split(found, _is_comma)
    if len(parts) == 1:
        return _item(found)
    values = [_item(part) for part in parts]
    _check_logic(found, _is_comma, values)
    first = values[0]
    if any(t[:2] == ("cmd", "in") for part in parts[1:] for _, t in _outside(part)):
        # k \pi, k \in \mathbb{Z}: the rest are conditions
        if isinstance(first, Labelled):
            return Labelled(first.label, Listed((first.value, *values[1:])))
        return Listed(tuple(values))
    if isinstance(first, Labelled) and not any(
        isinstance(v, Labelled | Relation) for v in values[1:]
    ):
        members = _members(parts, values)
        inside = first.value.items if isinstance(first.value, Unordered) else (first.value,)
        return Labelled(first.label, Unordered((*inside, *members[1:])))
    if any(isinstance(v, Unordered) and _signed(part) for part, v in zip(parts, values)):
        return Unordered(_members(parts, values))
    return _of_one_name(values) or _named(values) or Listed(tuple(values))


def _signed(part):
    return any(t[:2] == ("cmd", "pm") for t in part) and part[0].value not in ("{", "lbrace")


def _of_one_name(values):
    """x = 1, x = 2 as the values of x; None if there are other things."""
    if all(isinstance(v, Labelled) for v in values) and len({v.label for v in values}) == 1:
        return Labelled(values[0].label, Unordered(tuple(v.value for v in values)))
    return None


def _named(values):
    """y = 2, x = 1 as (x, y) = (1, 2); None if there are other things."""
    if not all(isinstance(v, Labelled) for v in values):
        return None
    ordered = sorted(values, key=lambda v: v.label)
    return Labelled(",".join(v.label for v in ordered), Listed(tuple(v.value for v in ordered)))


def _half_open(found):
    """An interval or a union of them, some of whose brackets do not pair: (0, 1] and ]0, 1[."""
    if not any(t[:2] in (("op", "["), ("op", "]"), ("op", "("), ("cmd", "cup")) for t in found):
        return None
    start = 0
    label = None
    for index, token in enumerate(found[:4]):
        if token.value in ("in", "=") and token.kind in ("cmd", "op"):
            label, start = _label(found[:index]), index + 1
            if label is None:
                return None
    parts, at, operation = [], start, None
    while at < len(found):
        end = _end_of_interval(found, at)
        if end is None:
            return None
        parts.append(_interval(found[at:end]))
        if parts[-1] is None:
            return None
        at = end
        if at < len(found):
            token = found[at]
            name = _SETS.get(token.value) if token.kind == "cmd" else None
            name = "union" if token[:2] == ("letter", "U") else name
            if name is None or operation not in (None, name):
                return None
            operation, at = name, at + 1
            if at == len(found):
                return None
    if not parts or (
        len(parts) == 1 and parts[0].with_low == parts[0].with_high and not _french(found[start:])
    ):
        return None
    value = parts[0] if len(parts) == 1 else Combined(str(operation), tuple(parts))
    return value if label is None else Labelled(label, value)


def _french(found):
    return found[0][:2] == ("op", "]")


def _end_of_interval(found, start):
    """Where the interval that starts there ends: behind its second bracket."""
    if found[start].kind != "op" or found[start].value not in "([]":
        return None
    depth, comma = 0, False
    for index in range(start + 1, len(found)):
        token = found[index]
        if (
            token.kind == "op"
            and token.value in "(["
            and not (comma and depth == 0 and token.value == "[")
        ):
            depth += 1
        elif token.kind == "op" and token.value in ")]" and depth:
            depth -= 1
        elif token.kind == "op" and token.value in ")][":
            return index + 1 if comma else None
        elif _is_comma(token) and depth == 0:
            comma = True
    return None


def _interval(found):
    ends = _split(found[1:-1], _is_comma)
    if len(ends) != 2:
        return None
    try:
        low, high = (formula(end) for end in ends)
    except NotReadError:  # a list of lists
        return None
    opening, close = found[0].value, found[-1].value
    return Interval(low, high, opening == "[", close == "]")


def _item(found):
    """One thing: a relation, a label with its value, or something without a sign of relation."""
    if not found:
        raise NotReadError
    if len(found) == 1 and found[0].kind == "dots":
        return Text("...")
    places = [k for k, t in _outside(found) if t.kind in ("op", "cmd") and t.value in _SIGNS]
    if not places:
        return _set(found)
    cuts = [-1, *places, len(found)]
    sides = [tuple(found[a + 1 : b]) for a, b in zip(cuts, cuts[1:])]
    signs = tuple(_SIGNS[found[k].value] for k in places)
    if len(sides) == 2 and not sides[0] and signs == ("=",):
        return _set(sides[1])  # "= 5"
    if not all(sides):
        raise NotReadError
    if len(sides) == 2 and signs[0] in ("=", "in"):
        label = _label(sides[0])
        if label is not None:
            value = _set(sides[1])
            if not (isinstance(value, Formula) and label in symbols(value.node)):
                return Labelled(label, value)
        if signs[0] == "in":
            raise NotReadError
        reverse = _label(sides[1])
        if reverse is not None and _label(sides[0]) is None:
            value = _set(sides[0])
            if not (isinstance(value, Formula) and label in symbols(value.node)):
                return Labelled(reverse, value)
    if set(signs) == {"="} and len(sides) > 2:
        return _chain(sides)
    nodes = tuple(formula(side) for side in sides)
    if "in" in signs:
        raise NotReadError
    if signs == ("=",) and not any(symbols(node) for node in nodes):
        return _chain(sides)
    return Relation(nodes, signs)


def _chain(sides):
    """x = 2 + 3 = 5 as x = 5, where all that is equated is equal by arithmetic."""
    label = _label(sides[0])
    values = [_set(side) for side in (sides[1:] if label is not None else sides)]
    numbers = [rational(v.node) if isinstance(v, Formula) else None for v in values]
    if None in numbers or len(set(numbers)) > 1:
        raise NotReadError
    return values[-1] if label is None else Labelled(label, values[-1])


def _outside(found):
    depth = 0
    for index, token in enumerate(found):
        depth += _turn(token)
        if depth == 0:
            yield index, token


def _label(found):
    """The name that stands before an equals sign: a variable, f(x), (x, y), AB, "area"."""
    if len(found) > 2 and (found[0].value, found[1].value) == ("m", "angle"):
        found = found[1:]
    names = [t for t in found if t.kind in ("letter", "word", "text") or t.value in GREEK]
    if not names or len(found) > 16:
        return None
    if _applied(found):
        return "".join(t.value for t in found)
    if all(t.kind in ("word", "text") for t in found):
        phrase = " ".join(t.value.lower() for t in found)
        if not is_unit(phrase) and phrase not in ("e", "i", "pi", "not"):
            return phrase if len(found) > 1 or len(found[0].value) > 1 else found[0].value
        return None
    inside = found[1:-1] if found[0].value == "(" and found[-1].value == ")" else None
    if inside is not None and any(_is_comma(t) for t in inside):
        parts = _split(inside, _is_comma)
        labels = [_label(part) for part in parts]
        return None if None in labels else ",".join(map(str, labels))
    try:
        node = formula(found)
    except NotReadError:
        return None
    if node[0] == "sym":
        return node[1]
    if (
        node[0] == "fn"
        and len(node) > 2
        and found[0].kind in ("letter", "text")
        and len(node[1]) < 3
    ):
        return "".join(t.value for t in found)
    letters = all(t.kind in ("letter", "word") and t.value.isupper() for t in found)
    return "".join(t.value for t in found) if letters else None


def _applied(found):
    """Whether tokens are a letter applied to letters, P(x), or to anything: f^{-1}(x), P(X = 2)."""
    if found[0].kind != "letter" or found[-1].value not in (")", "]"):
        return False
    rest = found[1:]
    if tuple(t.value for t in rest[:5]) in (("^", "{", "-", "1", "}"),):
        rest = rest[5:]
    if not rest or rest[0].value not in ("(", "[") or not _pair(rest):
        return False
    letters = all(t.kind == "letter" or t.value == "," for t in rest[1:-1])
    return bool(rest[1:-1]) and (letters or found[0].value in ("P", "E"))


def _set(found):
    """Sets combined, or one thing."""
    places = [
        k for k, t in _outside(found)
        if (t.kind == "cmd" and t.value in _SETS or _without(found, k)) and 0 < k < len(found) - 1
    ]  # fmt: skip
    if not places:
        return _thing(found)
    operations = {_SETS.get(found[k].value, "without") for k in places}
    if len(operations) > 1:
        raise NotReadError
    cuts = [-1, *places, len(found)]
    pieces = [tuple(found[a + 1 : b]) for a, b in zip(cuts, cuts[1:])]
    parts = tuple(_half_open(piece) or _thing(piece) for piece in pieces)
    operation = operations.pop()
    if operation == "without" and len(parts) > 2:
        raise NotReadError
    return Combined(operation, parts)


def _without(found, k):
    """Whether a minus sign there takes a set from another: R - {0}."""
    return (
        found[k][:2] == ("op", "-")
        and found[k + 1 : k + 2]
        and (found[k + 1][:2] in (("cmd", "{"), ("cmd", "lbrace")))
    )


def _thing(found):
    """A bracketed list, a set, a matrix, a quantity or a formula."""
    if not found:
        raise NotReadError
    first, last = found[0], found[-1]
    names = tuple(t.value for t in found)
    if names in (("mathbb", "{", "R", "}"), ("mathbb", "R")):
        return _EVERYTHING
    if len(found) == 1 and names[0] in ("emptyset", "varnothing") and first.kind == "cmd":
        return Unordered(())
    if all(t.kind == "word" for t in found) and any(len(name) > 3 for name in names):
        if not any(name.lower() in ("infinity", "sqrt") or is_unit(name) for name in names):
            return Text(" ".join(names).lower())
    if first.kind in ("op", "cmd") and _CLOSE.get(first.value) == last.value and _pair(found):
        value = _bracketed(found)
        if value is not None:
            return value
    if any(t[:2] == ("cmd", "begin") for t in found):
        return _matrix(found)
    if any(t[:2] == ("op", ":") for t in found):
        return _ratio(found)
    return _quantity(found)


def _pair(found):
    """Whether the first token's bracket is closed by the last."""
    depth = 0
    for index, token in enumerate(found):
        depth += _turn(token)
        if depth == 0:
            return index == len(found) - 1
    return False


def _bracketed(found):
    opening, inside = found[0], tuple(found[1:-1])
    if opening.value in ("{", "lbrace"):
        if (described := _described(inside)) is not None:
            return described
        group = opening.kind == "op" and not any(_is_comma(t) for t in inside)
        if group and inside:
            return None
        members = _split(inside, _is_comma) if inside else []
        return Unordered(_members(members, [_item(part) for part in members]))
    if not inside:
        raise NotReadError
    parts = _split(inside, _is_comma)
    if len(parts) == 1 and any(t[:2] == ("cmd", "begin") for t in inside):
        return _thing(inside)
    if opening.value == "(" and len(parts) == 1:
        return None
    items = tuple(_item(part) for part in parts)
    if opening.value == "[" and len(items) == 2 and all(isinstance(i, Formula) for i in items):
        return Interval(items[0].node, items[1].node, True, True)
    rows = tuple(tuple(i.items) if isinstance(i, Listed) else _pair_of(i) for i in items)
    if opening.value == "[" and rows and all(rows) and len({len(row) for row in rows}) == 1:
        if all(isinstance(cell, Formula) for row in rows for cell in row):
            return Matrix(tuple(tuple(cell.node for cell in row) for row in rows))
    brackets = {"(": "()", "[": "[]"}.get(opening.value, "<>")
    return Listed(items, brackets)


def _described(inside):
    """The condition of a set such as {x | x > 2}, or None."""
    bars = [k for k, t in _outside(inside) if t.value in ("|", "mid", ":") and t.kind != "text"]
    if not bars or bars[0] == 0 or inside[0].kind != "letter":
        return None
    start, member = bars[0], inside[: bars[0]]
    if len(member) > 1 and tuple(t.value for t in member[1:]) != ("in", "mathbb", "{", "R", "}"):
        raise NotReadError
    value = _alternatives(inside[start + 1 :])
    if not isinstance(value, Relation | Unordered | Listed) or _as_variables(value) != {
        inside[0].value
    }:
        raise NotReadError
    return value


def _as_variables(value):
    """Names of the variables in relations; None among them if there is something else."""
    relations = (value,) if isinstance(value, Relation) else value.items
    return {
        name
        for relation in relations
        for name in (
            {n for side in relation.sides for n in symbols(side)}
            if isinstance(relation, Relation)
            else {None}
        )
    }


def _pair_of(item):
    if isinstance(item, Interval) and item.with_low and item.with_high:
        return (Formula(item.low), Formula(item.high))
    return ()


def _matrix(found):
    """A matrix of TeX, with a formula before it that multiplies it."""
    start = next(k for k, t in enumerate(found) if t[:2] == ("cmd", "begin"))
    names = "".join(t.value for t in found[start + 1 : start + 4])
    kind = names.strip("{}")
    body = start + 4
    if kind == "array":
        depth = 0
        for index in range(body, len(found)):
            depth += _turn(found[index])
            if depth == 0:
                body = index + 1
                break
    if not re.fullmatch(r"[pbBvV]?matrix|smallmatrix|array", kind):
        raise NotReadError
    ending = "".join(t.value for t in found[-4:])
    if ending != "end{" + kind + "}" or sum(t[:2] == ("cmd", "begin") for t in found) > 1:
        raise NotReadError
    rows, cells = [], found[body:-4]
    for row in _split_rows(cells, lambda t: t.kind == "row"):
        if row:
            rows.append(tuple(formula(c) for c in _split_rows(row, lambda t: t[:2] == ("op", "&"))))
    if not rows or len({len(row) for row in rows}) > 1:
        raise NotReadError
    scale = found[:start]
    if scale and scale[-1].value in ("cdot", "times", "*"):
        scale = scale[:-1]
    if scale:
        factor = formula(scale) if scale != (Token("op", "-", scale[0].spaced),) else number(-1)
        rows = [tuple(("mul", factor, cell) for cell in row) for row in rows]
    return Matrix(tuple(rows), kind[0] in "vV")


def _split_rows(found, at):
    parts: list[list] = [[]]
    depth = 0
    for token in found:
        depth += _turn(token)
        if depth == 0 and at(token):
            parts.append([])
        else:
            parts[-1].append(token)
    return [tuple(part) for part in parts]


def _ratio(found):
    parts = _split(found, lambda t: t[:2] == ("op", ":"))
    return Ratio(tuple(formula(part) for part in parts), False)


def _quantity(found):
    """A formula with a currency before it or a unit behind it, or a formula."""
    negative = found[0][:2] == ("op", "-")
    rest = found[1:] if negative else found
    currency = _currency(rest)
    if currency is not None:
        name, used = currency
        if (priced := _priced(name, rest[used:], negative)) is not None:
            return priced
        node = _scaled(rest[used:], negative)
        return (
            Quantity(node[0], unit(name) or Unit(name)) if node[1] is None else _clash(node, name)
        )
    for start in range(1, len(found)):
        if (measured := _measured(found, start)) is not None:
            return measured
    node = formula(found)
    for mark in ("degree", "percent"):
        if (inside := _inside(node, mark)) is not None:
            return Quantity(inside, Unit(f"{mark}^1"))
    if holds(node, "pm") or holds(node, "mp"):
        return Unordered((Formula(with_sign(node, 1)), Formula(with_sign(node, -1))))
    return Formula(node)


def _inside(node, mark):
    """The formula before a mark at the end of the whole, with its sign; None without the mark."""
    if node[0] == mark:
        return node[1]
    if node[:2] == ("mul", number(-1)) and len(node) == 3 and node[2][0] == mark:
        return ("mul", number(-1), node[2][1])
    return None


def _priced(name, found, negative):
    """$18 per day, $18 a day, $18/day; None if it is something else."""
    for start, token in enumerate(found[1:], 1):
        each = token.value.split(" ")[0] in ("per", "a", "an", "each", "every")
        if (
            each
            and token.kind != "cmd"
            or token.value == "/"
            and found[-1].kind in ("word", "text")
        ):
            phrase = _phrase(found[start:])
            measure = unit(f"{name} {phrase}") if phrase else None
            if measure is None:
                return None
            node, scaled = _scaled(found[:start], negative)
            return Quantity(node, measure) if scaled is None else None
    return None


def _clash(node, name):
    if node[1] != unit(name):
        raise NotReadError
    return Quantity(node[0], node[1])


def _currency(found):
    """`(name, tokens used)` of a currency that stands first, or None."""
    first = found[0] if found else Token("end", "")
    if first.kind == "word" and first.value.lower() in _CURRENCY_WORDS and len(found) > 1:
        follow = found[1][:2] in (("cmd", "$"), ("op", "$"))
        if follow or first.value.lower() != "us":
            return _CURRENCY_WORDS[first.value.lower()], 1 + follow
    if first.value in _CURRENCIES and len(found) > 1:
        return _CURRENCIES[first.value], 1
    return None


def _scaled(found, negative):
    """`(formula, unit or None)` of what stands behind a currency sign: "1.5 million"."""
    value = _quantity(found)
    if not isinstance(value, Formula | Quantity):
        raise NotReadError
    node = ("mul", number(-1), value.node) if negative else value.node
    return node, value.unit if isinstance(value, Quantity) else None


def _measured(found, start):
    """The quantity whose unit starts there; None if there is none."""
    tail = found[start:]
    raw = tail[0].kind in ("letter", "word")
    spoken = tail[0].kind in ("text", "word", "letter") or tail[0].value in (
        "$",
        "€",
        "£",
        "¥",
        "¢",
        "%",
    )
    if not spoken or tail[0].kind == "text" and tail[0].value in ("e", "i"):
        return None
    heat = (
        len(tail) == 1 and tail[0].value in "CF" and "circ" in {t.value for t in found[:start][-2:]}
    )
    if raw and not _raw_unit(tail) and not heat:
        return None
    scale, phrase = _scale(_phrase(tail))
    if phrase is None or not phrase and scale == 1:
        return None
    measure = unit(phrase) if phrase else None
    hot = re.fullmatch("C|F|[Cc]elsius|[Ff]ahrenheit", phrase)
    if phrase and measure is None and not hot:
        return None
    try:
        node = formula(found[:start])
    except NotReadError:
        return None
    degrees, percent = _inside(node, "degree"), _inside(node, "percent")
    if raw and symbols(node) or (degrees is not None) != bool(hot):
        return None
    if degrees is not None:
        node, measure = degrees, Unit(f"degrees {phrase[0].upper()}")
    if percent is not None:
        if measure is None or not measure.name.startswith("words"):
            raise NotReadError
        node, measure = percent, Unit(f"percent^1 {measure.name}")
    if scale != 1:
        node = ("mul", node, number(scale))
    if holds(node, "pm") or holds(node, "mp"):
        raise NotReadError
    return Formula(node) if measure is None else Quantity(node, measure)


def _raw_unit(tail):
    """Whether letters without `\\text{}` can be a unit: a listed one, or a word on its own."""
    first = tail[0]
    if first.kind == "letter":
        return first.spaced and first.value in ONE_LETTER
    if (
        is_unit(first.value)
        or first.value.lower() in SCALES
        or first.value.lower() in ("square", "sq", "cubic")
    ):
        return True
    if first.value in ("st", "nd", "rd", "th"):
        return len(tail) == 1 and not first.spaced
    return len(first.value) > 3 or (first.spaced and len(first.value) == 3)


def _phrase(tail):
    """The tokens of a unit as text; None if one can be in no unit."""
    words: list[str] = []
    for token in tail:
        allowed = token.kind in ("letter", "word", "text") or token.value in "^/-*·{}$€£¥₹¢%."
        allowed |= token.kind == "num" and bool(words) and words[-1].endswith("^")
        if token.kind == "cmd" and token.value in ("cdot", "times"):
            token, allowed = Token("op", "*"), True
        if not allowed and not (
            token.kind == "num" and len(words) > 1 and words[-2:] == ["^", "-"]
        ):
            return None
        if token.value not in "{}":
            words.append(token.value)
    return " ".join(words).replace("^ - ", "^ -").replace("^ ", "^")


def _scale(phrase):
    """`(factor, unit)` of "million dollars"."""
    scale = 1
    while phrase:
        word, _, rest = phrase.partition(" ")
        if word.lower().rstrip("s") not in SCALES:
            break
        scale, phrase = scale * SCALES[word.lower().rstrip("s")], rest
    return Fraction(scale), phrase
