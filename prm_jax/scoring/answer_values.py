"""What a final answer can be: a number or formula, a quantity, a list, a set, an equation, text.

A formula is a nested tuple `(name, ...)`, which JSON can carry: `("num", "7/2")`, `("sym", "x")`,
`("const", "pi")`, `("inf",)`, `("add", a, b, ...)`, `("mul", ...)`, `("pow", a, b)`,
`("fn", name, a, ...)`, `("pm", a)`, `("degree", a)`, `("percent", a)`.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from prm_jax.scoring.answer_units import Unit

MAX_BITS = 20000
Node = tuple[Any, ...]


@dataclass(frozen=True)
class Formula:
    """A number or an expression."""

    node: Node


@dataclass(frozen=True)
class Quantity:
    """A formula with a unit; a currency and a percentage are units."""

    node: Node
    unit: Unit


@dataclass(frozen=True)
class Listed:
    """Things in order; `brackets` is '', '()', '[]' or '<>'."""

    items: tuple
    brackets: str = ""


@dataclass(frozen=True)
class Unordered:
    """A set in braces, alternatives joined by "or", or the two values of a plus-minus sign."""

    items: tuple


@dataclass(frozen=True)
class Interval:
    """Numbers from `low` to `high`."""

    low: Node
    high: Node
    with_low: bool
    with_high: bool


@dataclass(frozen=True)
class Combined:
    """Sets of numbers combined: `operation` is 'union', 'intersection' or 'without'."""

    operation: str
    parts: tuple


@dataclass(frozen=True)
class Matrix:
    """Rows of formulas; `determinant` if it stands between bars."""

    rows: tuple
    determinant: bool = False


@dataclass(frozen=True)
class Relation:
    """Formulas with `=`, `<`, `<=`, `>`, `>=` or `!=` between them."""

    sides: tuple
    signs: tuple


@dataclass(frozen=True)
class Labelled:
    """A value with a name before an equals sign, such as x = 5."""

    label: str
    value: Any


@dataclass(frozen=True)
class Choice:
    """A letter among choices, with what stands behind it."""

    letter: str
    content: Any


@dataclass(frozen=True)
class Ratio:
    """Numbers with colons between them; `clock` if it can be a time of day."""

    parts: tuple
    clock: bool
    half: str = ""


@dataclass(frozen=True)
class Date:
    """A day; `year` or `day` is 0 where it is not said."""

    year: int
    month: int
    day: int


@dataclass(frozen=True)
class Text:
    """Anything else: equal to the same text only."""

    text: str


def number(value) -> Node:
    """The node of a rational number."""
    return ("num", str(Fraction(value)))


def rational(node: Node) -> Fraction | None:
    """The value of a formula that is a rational number by arithmetic alone, or None."""
    name = node[0]
    if name == "num":
        return Fraction(node[1])
    if name in ("add", "mul"):
        result = Fraction(name == "mul")
        for part in node[1:]:
            value = rational(part)
            if value is None:
                return None
            result = result + value if name == "add" else result * value
        return result
    if name == "percent":
        value = rational(node[1])
        return None if value is None else value / 100
    if name == "pow":
        base, power = rational(node[1]), rational(node[2])
        if base is None or power is None:
            return None
        return _power(base, power)
    if name == "fn" and node[1] == "factorial":
        value = rational(node[2])
        if value is not None and value.denominator == 1 and 0 <= value <= 1000:
            return Fraction(math.factorial(int(value)))
    if name == "fn" and node[1] == "binomial":
        n, k = rational(node[2]), rational(node[3])
        if n is not None and k is not None and n.denominator == k.denominator == 1:
            if 0 <= k <= n <= 5000:
                return Fraction(math.comb(int(n), int(k)))
    return None


def _power(base, power):
    if power.denominator != 1:
        return _root(base, power)
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(power) * bits > MAX_BITS or (base == 0 and power <= 0):
        return None
    return base ** int(power)


def _root(base, power):
    """An exact root of a positive number, or None."""
    if base <= 0 or power.denominator > 64 or abs(power) > 64:
        return None
    parts = [_integer_root(n, power.denominator) for n in (base.numerator, base.denominator)]
    return None if None in parts else _power(Fraction(*parts), Fraction(power.numerator))


def _integer_root(value, degree):
    low, high = 0, 1 << (value.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= value else (low, middle - 1)
    return low if low**degree == value else None


def symbols(node: Node) -> set[str]:
    """Names of the variables in a formula."""
    if node[0] == "sym":
        return {node[1]}
    return {name for part in node[1:] if isinstance(part, tuple) for name in symbols(part)}


def holds(node: Node, name: str) -> bool:
    """Whether a node of that name is in a formula."""
    return node[0] == name or any(holds(p, name) for p in node[1:] if isinstance(p, tuple))


def with_sign(node: Node, sign: int) -> Node:
    """A formula with plus (1) or minus (-1) in place of every plus-minus sign.

    `("pm", a)` is plus or minus a, `("mp", a)` the opposite.
    """
    if node[0] in ("pm", "mp"):
        inside = with_sign(node[1], sign)
        return inside if (sign == 1) == (node[0] == "pm") else ("mul", number(-1), inside)
    return tuple(with_sign(part, sign) if isinstance(part, tuple) else part for part in node)
