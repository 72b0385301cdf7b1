"""The text of a final answer: what is taken off it, and the tokens that are left.

Every character of an answer is in one of its tokens, is white space, or is one of the marks named
at `clean`; whoever reads the tokens to the end has read the whole answer.
"""

import re
import unicodedata
from fractions import Fraction
from typing import NamedTuple

MAX_LENGTH = 2000
MAX_EXPONENT = 5000

_CHARACTERS = {
    "−": "-", "–": "-", "‐": "-", "‑": "-", "×": r"\times ", "⋅": r"\cdot ", "·": r"\cdot ",
    "∙": r"\cdot ", "÷": r"\div ", "√": r"\sqrt ", "∞": r"\infty ", "≤": r"\le ", "≥": r"\ge ",
    "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ", "∈": r"\in ", "∪": r"\cup ", "∩": r"\cap ",
    "∖": r"\setminus ", "∅": r"\emptyset ", "ℝ": r"\mathbb{R}", "±": r"\pm ", "∓": r"\mp ",
    "≈": r"\approx ", "°": r"^\circ ", "º": r"^\circ ", "…": r"\ldots ", "⋯": r"\ldots ",
    "⟨": r"\langle ", "⟩": r"\rangle ", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ",
    "⌉": r"\rceil ", "′": "'", "’": "'", "∣": "|", "∨": r"\lor ", "⁄": "/", "∕": "/",
    "∛": r"\sqrt[3] ", "≡": r"\equiv ", "‘": "'", "“": '"', "”": '"', "→": r"\to ",
}  # fmt: skip
_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho "
    "finalsigma sigma tau upsilon phi chi psi omega"
).split()
GREEK = {*_GREEK, *(name.capitalize() for name in _GREEK), "varphi", "vartheta", "varepsilon"}
_CHARACTERS |= {chr(0x3B1 + k): rf"\{name} " for k, name in enumerate(_GREEK)}
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n"))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789"))
# `\\` ends a row of a matrix: it comes first, so that `\\ ` is not taken for `\` and `\ `.
_ROW = r"\\\\(?:\s*\[-?[\d.]+\s*[a-z]{2}\])?"
_OFF = r"|\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|limits|nolimits)(?![a-zA-Z])|\\!"
_SPACES = r"|\\[,;:> ]|\\(?:q?quad|thinspace|medspace|enspace)(?![a-zA-Z])|~|\\[()\[\]]"
_LEAD = re.compile(
    r"^(?:(?:so|thus|hence|therefore)\b,?\s*)*(?:(?:the|my|our)\s+)?(?:(?:final|correct|right)\s+)?"
    r"(?:answer|result|option|choice)\b\s*(?:(?:is|are)\b\s*:?|[:=])?\s*(?=\S)",
    re.IGNORECASE,
)
_SAID = re.compile(
    r"^(?:\\text\s*\{([^{}]*\banswer\b[^{}]*)\}|\*\*([^*]*\banswer\b[^*]*)\*\*)", re.IGNORECASE
)
_AROUND = (
    (re.compile(r"^#{2,}\s*(?=\S)"), ""),
    (re.compile(r"^<(answer|result)>(.*)</\1>$", re.IGNORECASE | re.DOTALL), r"\2"),
    (re.compile(r"\.\s*I hope it is correct\.?$", re.IGNORECASE), ""),
    (
        re.compile(
            r"^(?:approximately|approx\.?|about|roughly|around)\s+(?=[\d$\\.-])", re.IGNORECASE
        ),
        "",
    ),
)
# A unit with powers or products inside one style: \mathrm{m\cdot s^{-2}}.
_COMPOUND = re.compile(
    r"\\(?:mathrm|text)\s*\{((?:[a-zA-Z/ ]|\\cdot(?![a-zA-Z])|\^-?\d|\^\{-?\d\})*(?:\\cdot|\^)"
    r"(?:[a-zA-Z/ ]|\\cdot(?![a-zA-Z])|\^?-?\d|\^?\{-?\d\})*)\}"
)
# Other ways of TeX to write what one command says.
_SYNONYMS = (
    (re.compile(r"\\[dtc]frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(r"\\[dt]binom(?![a-zA-Z])"), r"\\binom"),
    (re.compile(r"\\cr(?![a-zA-Z])"), r"\\\\ "),
    (re.compile(r"\\colon(?![a-zA-Z])"), ":"),
    (re.compile(r"\\text\s*\{[ .]*\}$"), ""),
    (re.compile(r"(?<=\d)\^(?:\{o\}|o(?![a-zA-Z]))"), r"^\\circ "),
    (re.compile(r"^<([^<>=]*,[^<>=]*)>$"), r"\\langle \1\\rangle "),
    (re.compile(r"\(\s*(?:\\?b?mod|\\(?:text|mathrm)\s*\{mod\})\s*(\w+)\s*\)"), r"\\pmod{\1}"),
    (
        re.compile(
            r"\\frac\s*\{\\(?:text|mathrm)\s*\{([a-zA-Z]+)\}\}\s*"
            r"\{\\(?:text|mathrm)\s*\{([a-zA-Z]+)\}(\^\{?\d\}?)?\}"
        ),
        r"\\text{\1}/\\text{\2}\3",
    ),
    (re.compile(r"\\(?:text)?color\s*\{\w+\}|\\h?phantom\s*\{[^{}]*\}"), ""),
    (re.compile(r"\{\s*\\(?:rm|bf|it|sf|tt)(?![a-zA-Z])\s*([^{}]*)\}"), r"\\mathrm{\1}"),
    (re.compile(r"\\(?:rm|bf|it|sf|tt)\s*(?=\{)"), r"\\mathrm"),
    (re.compile(r"\\(?:rm|bf|it|sf|tt)(?![a-zA-Z])"), " "),
    (re.compile(r"\{([^{}]*)\\over(?![a-zA-Z])([^{}]*)\}"), r"\\frac{\1}{\2}"),
    (re.compile(r"^([^{}]*)\\over(?![a-zA-Z])([^{}]*)$"), r"\\frac{\1}{\2}"),
    (re.compile(r"\{([^{}]*)\\choose(?![a-zA-Z])([^{}]*)\}"), r"\\binom{\1}{\2}"),
    (re.compile(r"^([^{}]*)\\choose(?![a-zA-Z])([^{}]*)$"), r"\\binom{\1}{\2}"),
    (
        re.compile(r"(?<=\d)\s*\^\s*\{\s*(?:\\(?:text|mathrm)\s*\{)?\s*(st|nd|rd|th)\s*\}{1,2}"),
        r"\1",
    ),
)
_STYLES = r"text|textbf|textit|textrm|textsf|texttt|emph|mathrm|mathbf|mathsf|mathit|bm|boldsymbol"
_STYLES += r"|mbox|hbox|fbox|boxed|underline"
_WRAPPER = re.compile(rf"\\(?:{_STYLES})\s*(?=\{{)")
_NAMES = r"text|textbf|textit|textrm|textnormal|emph|mathrm|mathbf|mathsf|mathit|mbox|hbox"
_TOKEN = re.compile(
    r"""
    (?P<repeating>\d*\.\d*(?:\\(?:overline|bar)\s*(?:\{\d+\}|\d)|\(\d+\)
        |\\dot\s*\{?\d\}?(?:\d*\\dot\s*\{?\d\}?)?))
    |(?P<dots>\.\.\.+|\\(?:[lc]?dots|dotsc|dotsb|dotso|vdots|ddots)(?![a-zA-Z]))
    |(?P<num>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+(?![a-zA-Z\d.]))?)
    |(?P<text>\\(?:TEXT)\s*\{[^{}\\$]*\}|\\operatorname\*?\s*\{\s*[a-zA-Z]+\s*\})
    |(?P<row>ROW)
    |(?P<cmd>\\[a-zA-Z]+\*?|\\[{}|%$\#&_])
    |(?P<word>[^\W\d_]+)
    |(?P<op>\*\*|<=|>=|!=|==|[^\s\\])
    """.replace("TEXT", _NAMES).replace("ROW", _ROW),
    re.VERBOSE,
)
_THOUSANDS = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:,\d{3})+(?![\d,]*\d)(?!,\d)")
_SPACED_THOUSANDS = re.compile(r"(?<![\d.,])(?<!\d )[1-9]\d{0,2}(?: \d{3})+(?![\d ]*\d)(?! ?/)")


class Token(NamedTuple):
    """A part of an answer.

    Fields:
        kind: 'num', 'letter' (one), 'word' (more), 'text' (of `\\text{}` and its kin), 'cmd', 'op',
            'dots', 'row' (end of a row).
        value: the number as text, the letters, the command without its backslash, the character.
        spaced: whether white space comes before it.
    """

    kind: str
    value: str
    spaced: bool = False


def clean(answer: str) -> str:
    """The text of an answer without what does not change its meaning.

    Takes away surrounding white space, `$` and `\\( \\)` around formulas, `\\boxed{}`, styles and
    Markdown's bold around the whole, `\\left`, `\\right`, a final full stop and what leads in ("the
    answer is"); spells Unicode's mathematical characters as LaTeX, and every space as one space.

    Args:
        answer: as it was extracted.

    Returns:
        The text; '' for no answer. Of one that is far too long to be read only white space changes.
    """
    if len(answer) > MAX_LENGTH:
        return " ".join(answer.split())
    text = _without(_OFF, "", _without(_SPACES, " ", _spelled(answer)))
    text = _COMPOUND.sub(lambda m: re.sub(r"(?<!\\)\b[a-zA-Z]+", r"\\text{\g<0>}", m[1]), text)
    for written, by in _SYNONYMS:
        text = written.sub(by, text)
    before = None
    while before != text:
        before = text
        text = " ".join(text.split())
        text = _without_stop(text)
        for around, inside in _AROUND:
            text = around.sub(inside, text)
        text = _LEAD.sub("", _SAID.sub(r"\1\2 ", text, count=1), count=1)
        text = _unwrapped(_undollared(text))
    text = re.sub(r"\\boxed\s*\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"(?<=\d)\{,\}(?=\d{3})", ",", text)
    return text


def _without(marks, by, text):
    return re.sub(_ROW + marks, lambda m: m[0] if m[0].startswith("\\\\") else by, text)


def _spelled(answer):
    """The answer with Unicode's mathematical characters as LaTeX and plain digits and letters."""
    spelled = []
    for character in answer:
        name = unicodedata.normalize("NFKC", character)
        if character in _CHARACTERS:
            spelled.append(_CHARACTERS[character])
        elif character in _SUPERSCRIPTS:
            spelled.append(f"^{{{_SUPERSCRIPTS[character]}}}")
        elif character in _SUBSCRIPTS:
            spelled.append(f"_{{{_SUBSCRIPTS[character]}}}")
        elif vulgar := re.fullmatch(r"(\d+)⁄(\d+)", name):
            spelled.append(rf"\frac{{{vulgar[1]}}}{{{vulgar[2]}}}")
        else:
            spelled.append(_CHARACTERS.get(name, name) if name != " " else " ")
    text = "".join(spelled)
    text = re.sub(r"\}\^\{", "", text) if "^{" in text and _raised(answer) else text
    return re.sub(r"\}_\{", "", text) if "_{" in text and _lowered(answer) else text


def _raised(answer):
    return any(a in _SUPERSCRIPTS and b in _SUPERSCRIPTS for a, b in zip(answer, answer[1:]))


def _lowered(answer):
    return any(a in _SUBSCRIPTS and b in _SUBSCRIPTS for a, b in zip(answer, answer[1:]))


def _without_stop(text):
    text = re.sub(r"(?:\\\\\s*)+$", "", text.strip()).rstrip(",;").strip()
    if text.endswith(".") and not text.endswith("..") and not re.search(r"\b[ap]\.\s*m\.$", text):
        text = text[:-1].strip()
    return text


def _undollared(text):
    """The text without `$` around formulas; a `$` that stands for dollars becomes `\\$`."""
    text = text.replace("$$", "$")
    places = [m.start() for m in re.finditer(r"(?<!\\)\$", text)]
    if not places:
        return text
    formulas = len(places) % 2 == 0
    for opening, closing in zip(places[::2], places[1::2]):
        inside, after = text[opening + 1 : closing], text[closing + 1 : closing + 2]
        if not inside.strip() or (inside != inside.rstrip() and after.isdigit()):
            formulas = False  # "$5 and $6"
    return re.sub(r"(?<!\\)\$", "" if formulas else r"\\$", text)


def _unwrapped(text):
    """The text without one thing that surrounds the whole of it."""
    for mark in ("**", "__", "`", "*", '"', "``", "'"):
        inside = text[len(mark) : -len(mark)]
        if (
            len(text) > 2 * len(mark)
            and text.startswith(mark)
            and text.endswith(mark)
            and mark not in inside
            and (mark != "*" or "*" not in inside)
        ):
            return inside
    found = _WRAPPER.match(text)
    if found and closing(text, found.end()) == len(text) - 1:
        inside = text[found.end() + 1 : -1]
        # A single letter in \mathrm{} can be a constant, which only the reader of tokens can tell.
        if not re.fullmatch(r"\s*[a-zA-Z]\s*", inside) or "boxed" in found[0]:
            return inside
    if text.startswith("{") and closing(text, 0) == len(text) - 1 and "," not in text:
        return text[1:-1]
    return text


def closing(text: str, start: int) -> int:
    """Where the brace that opens at `start` is closed; -1 if nowhere."""
    depth = 0
    for index in range(start, len(text)):
        if text[index] in "{}" and (index == 0 or text[index - 1] != "\\"):
            depth += 1 if text[index] == "{" else -1
            if depth == 0:
                return index
    return -1


def tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a cleaned answer, thousands joined and repeating decimals as fractions.

    Args:
        text: as `clean` gives it.

    Returns:
        Tokens that hold every character but the white space.
    """
    text = _joined_thousands(text)
    found, end = [], 0
    while end < len(text):
        if text[end].isspace():
            end += 1
            continue
        match = _TOKEN.match(text, end)
        spaced = end > 0 and text[end - 1].isspace()
        if match is None:  # a lone backslash
            found.append(Token("op", text[end], spaced))
            end += 1
            continue
        kind, value, end = str(match.lastgroup), match[0], match.end()
        if kind == "repeating":
            kind, value = "num", str(repeating(value))
        elif kind == "num":
            kind, value = _number(value)
        elif kind == "text":
            value = value[value.index("{") + 1 : -1].strip()
            value = value[1:-1] if re.fullmatch(r"\([A-J]\)", value) else value
        elif kind == "cmd":
            value = value[1:]
        elif kind == "word" and len(value) == 1:
            kind = "letter"
        elif kind == "dots":
            value = "..."
        found.append(Token(kind, value, spaced))
    return tuple(_continued(found))


def _number(value):
    mantissa, _, exponent = value.lower().partition("e")
    if exponent and abs(int(exponent[:9])) > MAX_EXPONENT:
        return "huge", value
    return "num", str(Fraction(value) if exponent else Fraction(mantissa))


def _continued(found):
    """Joins 0.333... to the fraction whose decimals repeat, if they show that they do."""
    joined: list[Token] = []
    for token in found:
        last = joined[-1] if joined else None
        if token.kind == "dots" and last and last.kind == "num" and not token.spaced:
            value = _repeats(Fraction(last.value))
            if value is not None:
                joined[-1] = Token("num", str(value), last.spaced)
                continue
        joined.append(token)
    return joined


def _repeats(value):
    """The repeating decimal that starts with these decimals, which show a block again, or None."""
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
        if places > 60:
            return None
    digits = str(abs(value) * 10**places).zfill(places + 1)
    decimals = digits[len(digits) - places :]
    for length in range(1, places // 2 + 1):
        block = decimals[-length:]
        times = 3 if length < 3 else 2
        if decimals.endswith(block * times):
            start = decimals
            while start.endswith(block):
                start = start[:-length]
            return repeating(f"{digits[: len(digits) - places]}.{start}({block})")
    return None


def repeating(text: str) -> Fraction:
    """The fraction of a repeating decimal: `0.1\\overline{6}`, `0.1(6)`, `0.1\\dot{6}`."""
    whole, _, decimals = text.partition(".")
    fixed = re.match(r"\d*", decimals)[0]  # type: ignore[index]
    block = re.sub(r"\D", "", decimals[len(fixed) :])
    value = Fraction(int(block), 10 ** len(block) - 1)
    return (int(whole + fixed or "0") + value) / 10 ** len(fixed)


def _joined_thousands(text):
    """12,345 and 12 345 without their separators.

    Inside brackets a comma separates, unless a comma with a space behind it does.
    """
    joined, depth, end = [], 0, 0
    spaced_list = re.search(r",\s", text) is not None
    for match in re.finditer(_THOUSANDS.pattern + "|" + _SPACED_THOUSANDS.pattern, text):
        before = text[end : match.start()]
        depth += _opened(before)
        joined.append(before)
        separate = "," in match[0] and depth > 0 and not spaced_list
        joined.append(match[0] if separate else re.sub(r"[, ]", "", match[0]))
        end = match.end()
    return "".join([*joined, text[end:]])


def _opened(text):
    """How many more list brackets open in a text than close; a group of TeX is none."""
    depth = 0
    for match in re.finditer(r"\\frac|\\sqrt|[\^_]|\\?[(\[{}\])]", text):
        if match[0] in ("(", "[", r"\{", "{"):
            before = text[: match.start()].rstrip()
            group = match[0] == "{" and before and (before[-1] in "^_}" or before[-1].isalpha())
            depth += not group
        elif match[0] in (")", "]", r"\}"):
            depth -= 1
        elif match[0] == "}":
            depth -= depth > 0
    return depth
