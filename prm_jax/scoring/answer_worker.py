"""A child process that compares formulas and sets of numbers, one JSON request and reply a line.

It is a process of its own because simplifying an answer such as 10^(10^10) does not end and cannot
be interrupted from within: the parent waits as long as it likes and then ends the process.

Formulas come as the nested lists of `answer_values`. Two are equal if their difference expands to
zero, or if it is zero to DIGITS significant digits, for formulas with variables at every one of
POINTS points. No point decides alone: one at which both are undefined is passed over, and some
must be left.
"""

import functools
import json
import signal
import sys
import zlib

import sympy

LONGEST_S = 15
"""Seconds after which this process ends itself, where the one that asked is gone."""
DIGITS = 60
POINTS = 6
SAMPLE_GAP = 1e-6
# Values of the variables: irrational enough that no formula meets its zeros by chance, of both
# signs, small and large.
_SEEDS = ("3/7", "-13/11", "29/17", "-7/23", "61/19", "-97/31", "5/41", "17/3")
_FUNCTIONS = {
    "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan, "cot": sympy.cot, "sec": sympy.sec,
    "csc": sympy.csc, "arcsin": sympy.asin, "arccos": sympy.acos, "arctan": sympy.atan,
    "arccot": sympy.acot, "sinh": sympy.sinh, "cosh": sympy.cosh, "tanh": sympy.tanh,
    "ln": sympy.log, "exp": sympy.exp, "abs": sympy.Abs, "floor": sympy.floor,
    "ceil": sympy.ceiling, "factorial": sympy.factorial, "binomial": sympy.binomial,
    "max": sympy.Max, "min": sympy.Min, "gcd": sympy.gcd, "lcm": sympy.lcm, "sgn": sympy.sign,
}  # fmt: skip
_OF_NUMBERS = {"Re": sympy.re, "Im": sympy.im, "arg": sympy.arg}
_CONSTANTS = {"pi": sympy.pi, "e": sympy.E, "i": sympy.I}
_COUNTING = (sympy.factorial, sympy.binomial)
# The base of `\log` is not said: all of them are the same unknown factor.
_LOG_FACTOR = sympy.Symbol("log factor", positive=True)


class UnknownError(Exception):
    """Something whose value cannot be told."""


def expression(node):
    """The sympy expression of a formula."""
    name, *parts = node
    if name == "num":
        return sympy.Rational(parts[0])
    if name == "sym":
        return sympy.Symbol(parts[0])
    if name == "const":
        return _CONSTANTS[parts[0]]
    if name == "inf":
        return sympy.oo
    if name == "fn":
        return _application(parts[0], [expression(part) for part in parts[1:]])
    values = [expression(part) for part in parts]
    if name == "add":
        return sympy.Add(*values)
    if name == "mul":
        return sympy.Mul(*values)
    if name == "pow":
        return sympy.Pow(*values)
    if name == "degree":
        return values[0] * sympy.pi / 180
    if name == "percent":
        return values[0] / 100
    raise UnknownError


def _application(name, arguments):
    numeric = not any(argument.free_symbols for argument in arguments)
    if name in ("gcd", "lcm") and not numeric:
        return _unknown(name, arguments)
    if name == "log":
        if len(arguments) == 2:
            return sympy.log(arguments[0]) / sympy.log(arguments[1])
        return _LOG_FACTOR * sympy.log(arguments[0])
    if name in _OF_NUMBERS and numeric:
        return _OF_NUMBERS[name](*arguments)
    if name in _FUNCTIONS:
        return _FUNCTIONS[name](*arguments)
    return _unknown(name, arguments)


def _unknown(name, arguments):
    """An undefined function of what it is applied to, as a variable of its own."""
    return sympy.Symbol(f"{name}({', '.join(sympy.sstr(sympy.expand(a)) for a in arguments)})")


@functools.lru_cache(maxsize=4096)
def _of_text(text):
    value = expression(json.loads(text))
    if value.has(sympy.nan, sympy.zoo):
        raise UnknownError
    return value


def of(node):
    """The expression of a formula; kept, as one answer is compared with many."""
    return _of_text(json.dumps(node))


def equal(first, second):
    """Whether two expressions have the same value everywhere."""
    if first == second:
        return True
    if first.is_Rational and second.is_Rational:
        return False
    if first.has(sympy.oo) or second.has(sympy.oo):
        return False
    if sympy.expand(first - second) == 0:
        return True
    names = sorted(first.free_symbols | second.free_symbols, key=str)
    if not names:
        return _same_value(first, second, {})
    if len(first.free_symbols) != len(second.free_symbols) and not (
        sympy.simplify(first).free_symbols == sympy.simplify(second).free_symbols
    ):
        return False
    counted = first.has(*_COUNTING) or second.has(*_COUNTING)
    chosen = whole_points(names) if counted else points(names)
    verdicts = [_same_value(first, second, point) for point in chosen]
    return False not in verdicts and True in verdicts


def points(names):
    """Where formulas are compared: POINTS values of the variables."""
    for k in range(POINTS):
        yield {
            name: sympy.Rational(_SEEDS[(k + 3 * n) % len(_SEEDS)]) + sympy.Rational(n, 7 + k)
            for n, name in enumerate(names)
        }


def whole_points(names):
    """Where formulas with factorials are compared: whole numbers, even and odd."""
    for k in (6, 9, 11, 14, 17, 20):
        yield {name: sympy.Integer(k + (3 + k % 4) * n) for n, name in enumerate(names)}


def _same_value(first, second, point):
    """Whether two expressions agree to DIGITS digits at a point; None if neither has a value."""
    values = [side.subs(point) if point else side for side in (first, second)]
    undefined = [not value.is_finite and value.is_finite is not None for value in values]
    if any(undefined):
        return None if all(undefined) else False
    difference = values[0] - values[1]
    if difference == 0:
        return True
    sizes = [abs(number(value)) for value in values]
    gap = abs(number(difference))
    return bool(gap <= max(sizes) * sympy.Float(10, DIGITS) ** (-DIGITS + 10))


def number(value):
    """An expression without variables as a complex number of DIGITS digits."""
    found = value.evalf(DIGITS, maxn=2000)
    if found.free_symbols or not found.is_number or found.has(sympy.nan, sympy.zoo, sympy.oo):
        raise UnknownError
    return found


def relations(first, second):
    """Whether two equations or inequalities are the same but for a factor."""
    (sides_a, signs_a), (sides_b, signs_b) = first, second
    if len(signs_a) != len(signs_b):
        return False
    if len(signs_a) > 1:
        turned = [_TURNED[sign] for sign in reversed(signs_b)]
        return any(
            signs_a == signs and all(equal(of(a), of(b)) for a, b in zip(sides_a, sides))
            for sides, signs in ((sides_b, signs_b), (sides_b[::-1], turned))
        )
    (a, b), (sign_a, sign_b) = (
        (of(s[0]) - of(s[1]) for s in (sides_a, sides_b)),
        (
            signs_a[0],
            signs_b[0],
        ),
    )
    if sign_a[0] == ">":
        a, sign_a = -a, _TURNED[sign_a]
    if sign_b[0] == ">":
        b, sign_b = -b, _TURNED[sign_b]
    if sign_a != sign_b or not (a.free_symbols and b.free_symbols):
        return False
    ratio = sympy.cancel(sympy.expand(a) / sympy.expand(b))
    if ratio.free_symbols:
        ratio = sympy.simplify(ratio)
    if ratio.free_symbols or not ratio.is_finite:
        return False
    return bool(sign_a in ("=", "!=") or ratio.is_positive)


_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}


def compare(first, second):
    """-1, 0 or 1 as one expression is below, equal to or above another."""
    if first.is_Rational and second.is_Rational:
        return bool(first > second) - bool(first < second)
    if equal(first, second):
        return 0
    if sympy.oo in (first, -first) or sympy.oo in (second, -second):
        return -1 if first == -sympy.oo or second == sympy.oo else 1
    gap = number(first - second)
    if not gap.is_real:
        raise UnknownError
    return 1 if gap > 0 else -1


def sets(first, second):
    """Whether two sets of real numbers have the same members.

    They have if they agree at every end of an interval, between all of them and outside.
    """
    ends = [*_ends(first), *_ends(second)]
    if any(end.free_symbols for end in ends):
        return _same_shape(first, second)
    finite = sorted((e for e in ends if e.is_finite), key=functools.cmp_to_key(compare))
    places: list[sympy.Expr] = []
    for end in finite:
        if not places or compare(places[-1], end):
            places.append(end)
    between = [(a + b) / 2 for a, b in zip(places, places[1:])]
    outside = [places[0] - 1, places[-1] + 1] if places else [sympy.Integer(0)]
    return all(_member(x, first) == _member(x, second) for x in (*places, *between, *outside))


def _ends(tree):
    name, *parts = tree
    if name == "interval":
        return [of(parts[0]), of(parts[1])]
    if name == "points":
        return [of(part) for part in parts]
    if name == "relation":
        return _boundaries(parts)
    return [end for part in parts for end in _ends(part)]


def _boundaries(parts):
    """Where the sides of a relation are equal: of polynomials and absolute values of them."""
    name, (left, _, right) = parts[0], (of(parts[1]), None, of(parts[3]))
    variable = sympy.Symbol(name, real=True)
    gap = (left - right).subs(sympy.Symbol(name), variable)
    bare = gap.replace(sympy.Abs, lambda inside: inside)
    if gap.free_symbols == {variable} and bare.is_polynomial(variable):
        found = sympy.solveset(gap, variable, sympy.S.Reals)
        if not isinstance(found, sympy.FiniteSet) and found != sympy.S.EmptySet:
            raise UnknownError
        return list(found)
    linear = sympy.Poly(left - right, sympy.Symbol(name))
    if linear.degree() != 1:
        raise UnknownError
    slope, constant = linear.all_coeffs()
    return [-constant / slope]


def _member(x, tree):
    name, *parts = tree
    if name == "interval":
        below, above = compare(of(parts[0]), x), compare(x, of(parts[1]))
        return (below < 0 or (below == 0 and parts[2])) and (above < 0 or (above == 0 and parts[3]))
    if name == "points":
        return any(compare(of(part), x) == 0 for part in parts)
    if name == "relation":
        point = {sympy.Symbol(parts[0]): x}
        sign = compare(of(parts[1]).subs(point), of(parts[3]).subs(point))
        return {"<": sign < 0, "<=": sign <= 0, ">": sign > 0, ">=": sign >= 0, "!=": sign != 0}[
            parts[2]
        ]
    if name == "union":
        return any(_member(x, part) for part in parts)
    if name == "intersection":
        return all(_member(x, part) for part in parts)
    return _member(x, parts[0]) and not _member(x, parts[1])


def _same_shape(first, second):
    """Whether sets with variables in them are built from the same intervals."""
    while first[0] in ("intersection", "union") and len(first) == 2:
        first = first[1]
    while second[0] in ("intersection", "union") and len(second) == 2:
        second = second[1]
    if first[0] != second[0] or len(first) != len(second):
        return False
    if first[0] == "interval":
        ends = all(equal(of(a), of(b)) for a, b in zip(first[1:3], second[1:3]))
        return ends and first[3:] == second[3:]
    if first[0] == "relation":
        return relations((first[2::2], first[3:4]), (second[2::2], second[3:4]))
    if first[0] == "points":
        return all(
            any(equal(of(a), of(b)) for b in others[1:])
            for some, others in ((first, second), (second, first))
            for a in some[1:]
        )
    if first[0] == "without":
        return all(map(_same_shape, first[1:], second[1:]))
    return all(any(_same_shape(a, b) for b in second[1:]) for a in first[1:]) and all(
        any(_same_shape(a, b) for b in first[1:]) for a in second[1:]
    )


def formulas(first, second):
    """Whether two formulas are equal."""
    values = sample(json.dumps(first)), sample(json.dumps(second))
    if None not in values and abs(values[0] - values[1]) > SAMPLE_GAP * max(map(abs, values)):
        return False
    return equal(of(first), of(second))


@functools.lru_cache(maxsize=4096)
def sample(text):
    """The value of a formula at one place, kept to tell it quickly from many others; or None."""
    value = _of_text(text)
    if value.has(*_COUNTING, sympy.oo):
        return None
    place = {
        name: sympy.Rational(zlib.crc32(str(name).encode()) % 997 + 137, 331)
        for name in value.free_symbols
    }
    found = value.subs(place).evalf(15, maxn=100)
    return complex(found) if found.is_number and found.is_finite else None


_KINDS = {"formulas": formulas, "relations": relations, "sets": sets}


def main():
    """Says true when ready, then answers each request `[kind, first, second]`: true or false."""
    sys.set_int_max_str_digits(0)
    replies, sys.stdout = sys.stdout, sys.stderr
    print(json.dumps(True), file=replies, flush=True)  # imports are done, requests can be timed
    for line in sys.stdin:
        signal.alarm(LONGEST_S)
        kind, first, second = json.loads(line)
        try:
            same = _KINDS[kind](first, second)
        except Exception:  # sympy lets many errors through, and an undefined value is unknown
            same = False
        print(json.dumps(bool(same)), file=replies, flush=True)
        signal.alarm(0)


if __name__ == "__main__":
    main()
