"""A GSM8K solution as numbers that depend on each other, so that a changed one can be carried on.

Each line of a solution is text; a calculator mark in it says how a number of the text came about.
Where the text also writes the computation out ("48 / 2 = $24"), the line has an `Equation`.
"""

import dataclasses
import functools
import re
from fractions import Fraction

LONGEST = 2000
"""Characters of a problem or a line; longer ones are none of GSM8K's and are not read."""
NUMBER = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?|\.\d+")
MARK = re.compile(r"<<([^<>=]*)=([^<>=]*)>>")
TOKEN = re.compile(rf"\s*({NUMBER.pattern}|[-+*/()])")
_OPERAND = rf"[(\s$]*(?:{NUMBER.pattern})[)\s]*"
WRITTEN = re.compile(rf"({_OPERAND}(?:[-–+*/x×]{_OPERAND})+)(=\s*\$?\s*)$")
ORDINAL = re.compile(r"(?:st|nd|rd|th)\b")
SYMBOLS = {"–": "-", "x": "*", "×": "*"}
WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()
# Numbers that a solution may use without saying where from: halves, dozens, parts of a year.
CONSTANTS = frozenset(map(Fraction, (1, 2, 3, 4, 7, 12, 24, 30, 31, 52, 60, 100, 365, 1000)))


@dataclasses.dataclass(frozen=True)
class Equation:
    """A computation written out in a line.

    Fields:
        head, rest: the text before and after it.
        pieces: its left side; numbers at odd places, what stands between them at even ones.
        equals: from the equality sign to the result.
        result: the result as it is written.
    """

    head: str
    pieces: tuple[str, ...]
    equals: str
    result: str
    rest: str

    @property
    def left(self):
        """The left side as it is written."""
        return "".join(self.pieces)

    @property
    def value(self):
        """What the left side gives, None if it cannot be computed."""
        return evaluate(self.left)


@dataclasses.dataclass(frozen=True)
class Line:
    """One step.

    Fields:
        text: the step without marks.
        marks: the computations, `(left side, result)` each.
        equation: the computation if the line writes out its only one, and it is right.
    """

    text: str
    marks: tuple[tuple[str, Fraction], ...]
    equation: Equation | None

    @functools.cached_property
    def numbers(self):
        """The values that the text mentions."""
        return frozenset(map(value_of, NUMBER.findall(self.text)))


@dataclasses.dataclass(frozen=True)
class Solution:
    """A right solution.

    Fields:
        given: the values that the problem mentions.
        lines: the steps.
        answer: the final answer.
    """

    given: frozenset[Fraction]
    lines: tuple[Line, ...]
    answer: Fraction


def parse(problem: str, marked_steps, gold: str) -> Solution | None:
    """Reads a solution.

    Returns:
        None if the last computation is not what gives the answer, or a text is too long.
    """
    if max(map(len, (problem, gold, *marked_steps))) > LONGEST:
        return None
    words = {Fraction(WORDS.index(w)) for w in re.findall(r"[a-z]+", problem.lower()) if w in WORDS}
    given = frozenset(map(value_of, NUMBER.findall(problem))) | words
    lines = tuple(map(_line, marked_steps))
    results = [result for line in lines for _, result in line.marks]
    number = NUMBER.fullmatch(gold)
    if not number or not results or results[-1] != value_of(gold):
        return None
    return Solution(given, lines, value_of(gold))


def value_of(number: str) -> Fraction:
    """The value of a number as it is written."""
    return Fraction(number.replace(",", ""))


def written(value: Fraction, like: str, longer: bool = False) -> str | None:
    """A value in the format of another number.

    Args:
        value: what to write.
        like: the number whose thousands commas and decimals are kept.
        longer: whether it may have up to two decimals where `like` has fewer.

    Returns:
        None if the value is not positive or does not fit the format.
    """
    decimals = len(like.partition(".")[2])
    scaled = value * 10**decimals
    if longer and scaled.denominator != 1:
        decimals = next((d for d in (1, 2) if (value * 10**d).denominator == 1), 0)
        scaled = value * 10**decimals
    if value <= 0 or scaled.denominator != 1:
        return None
    if value.denominator == 1 and not (decimals and like.endswith("0")):
        decimals = 0
    whole, part = divmod(int(value * 10**decimals), 10**decimals)
    text = f"{whole:,}" if "," in like else str(whole)
    text = "" if like.startswith(".") and whole == 0 else text
    return f"{text}.{part:0{decimals}d}" if decimals else text


def replaced(text: str, values) -> str | None:
    """The text with each number that is a key of `values` replaced; None if one does not fit."""
    fits = True

    def other(match):
        nonlocal fits
        value = values.get(value_of(match[0]))
        number = match[0] if value is None else written(value, match[0])
        fits = fits and number is not None
        return number or match[0]

    text = NUMBER.sub(other, text)
    return text if fits else None


@functools.lru_cache(maxsize=1 << 16)
def evaluate(expression: str) -> Fraction | None:
    """The value of a computation, None if it is none."""
    for sign, symbol in SYMBOLS.items():
        expression = expression.replace(sign, symbol)
    expression = expression.replace("$", "").rstrip()
    tokens, place = [], 0
    while place < len(expression):
        found = TOKEN.match(expression, place)
        if not found:
            return None
        tokens.append(found[1])
        place = found.end()
    try:
        value = _sum(tokens)
    except (IndexError, ValueError, ZeroDivisionError, RecursionError):
        return None
    return None if tokens else value


def _sum(tokens):
    value = _product(tokens)
    while tokens and tokens[0] in "+-":
        value = value + _product(tokens) if tokens.pop(0) == "+" else value - _product(tokens)
    return value


def _product(tokens):
    value = _factor(tokens)
    while tokens and tokens[0] in "*/":
        value = value * _factor(tokens) if tokens.pop(0) == "*" else value / _factor(tokens)
    return value


def _factor(tokens):
    token = tokens.pop(0)
    if token != "(":
        return value_of(token)
    value = _sum(tokens)
    if tokens.pop(0) != ")":
        raise ValueError("a parenthesis is not closed")
    return value


def _line(marked):
    """Reads one line with its marks."""
    found = list(MARK.finditer(marked))
    marks = tuple(
        (mark[1], value_of(mark[2].strip())) for mark in found if NUMBER.fullmatch(mark[2].strip())
    )
    equation = _equation(marked, found[0]) if len(found) == len(marks) == 1 else None
    return Line(MARK.sub("", marked), marks, equation)


def _equation(marked, mark):
    tail, result = WRITTEN.search(marked[: mark.start()]), NUMBER.match(marked, mark.end())
    if not tail or not result:
        return None
    pieces = tuple(re.split(rf"({NUMBER.pattern})", tail[1]))
    equation = Equation(marked[: tail.start()], pieces, tail[2], result[0], marked[result.end() :])
    right = equation.value == evaluate(mark[1]) == value_of(result[0])
    ordinal = ORDINAL.match(equation.rest)
    return equation if right and not ordinal and value_of(result[0]) > 0 else None
