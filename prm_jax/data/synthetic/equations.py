"""Equations in x as values: terms, sides, how they are written, and what can be done to them."""

from typing import NamedTuple


class Term(NamedTuple):
    """`value` times x, or `value` alone."""

    value: int
    has_x: bool


class Side(NamedTuple):
    """`factor` times the sum of `terms`."""

    factor: int
    terms: tuple[Term, ...]


class Equation(NamedTuple):
    """left = right."""

    left: Side
    right: Side


def written(equation: Equation) -> str:
    """An equation as text, such as '4(3x - 2) = 5x + 6'."""
    return " = ".join(
        f"{side.factor}({written_sum(side.terms)})" if side.factor != 1 else written_sum(side.terms)
        for side in equation
    )


def written_sum(terms) -> str:
    """Terms as text, such as '3x - 2'."""
    text = ""
    for value, has_x in terms:
        number = "x" if has_x and abs(value) == 1 else f"{abs(value)}{'x' if has_x else ''}"
        sign = "-" if value < 0 else "+"
        text += f" {sign} {number}" if text else number if value >= 0 else f"-{number}"
    return text


def total(side: Side, has_x: bool) -> int:
    """The coefficient of x, or the constant, of a whole side."""
    return side.factor * sum(term.value for term in side.terms if term.has_x == has_x)


def collected(side: Side) -> Side:
    """The side with one term in x and one constant, its factor kept."""
    bare = Side(1, side.terms)
    return _side(side.factor, total(bare, True), total(bare, False))


def expanded(side: Side) -> Side:
    """The side with its factor multiplied into every term."""
    return Side(1, tuple(Term(side.factor * value, has_x) for value, has_x in side.terms))


def shifted(equation: Equation, from_left: Term, from_right: Term) -> Equation:
    """The equation with one term taken from its left side and one from its right side."""
    sides = []
    for side, term in zip(equation, (from_left, from_right)):
        a, b = total(side, True), total(side, False)
        a, b = (a - term.value, b) if term.has_x else (a, b - term.value)
        sides.append(_side(1, a, b))
    return Equation(*sides)


def solved(value: int) -> Equation:
    """x = value."""
    return Equation(Side(1, (Term(1, True),)), Side(1, (Term(value, False),)))


def _side(factor, a, b):
    terms = tuple(term for term in (Term(a, True), Term(b, False)) if term.value)
    return Side(factor, terms or (Term(0, False),))
