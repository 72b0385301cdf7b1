"""Fraction chains: a start fraction, then additions, subtractions and multiplications, one a step.

The state is a reduced fraction (numerator, denominator) that is positive and no whole number, an
operation a pair such as ('+', (3, 4)). Harder levels have larger denominators.
"""

import math
from typing import NamedTuple

from prm_jax.data.synthetic.arithmetic import miscopied
from prm_jax.data.synthetic.family import (
    COMPOSITE_WEIGHTS,
    ErrorKind,
    Family,
    Move,
    Problem,
    choose,
)


class Size(NamedTuple):
    """Denominators of the given fractions, and the largest number in a written one."""

    denominators: tuple[int, ...]
    value: int


SIZES = {
    1: Size((2, 3, 4, 6), 99),
    2: Size((2, 3, 4, 5, 6), 200),
    3: Size((2, 3, 4, 5, 6, 8, 9, 10), 500),
    4: Size((3, 4, 5, 6, 7, 8, 9, 10, 12), 999),
}
GIVEN = {
    level: [(n, d) for d in size.denominators for n in range(1, 2 * d) if math.gcd(n, d) == 1]
    for level, size in SIZES.items()
}
# Draws of one operation before the problem is begun anew.
DRAWS = 10
ORDERS = {"+": "add {}", "-": "subtract {}", "*": "multiply by {}"}
EVENTS = {
    "+": "{} cups are poured in",
    "-": "{} cups are poured out",
    "*": "a spell makes it {} of that",
}
PHRASES = (
    ("Begin at the fraction {start}, then {done}. Give the result in lowest terms.", ORDERS),
    ("To the fraction {start} do this in order: {done}. What fraction results?", ORDERS),
    ("With {start} as the first fraction, {done}. Which reduced fraction is left?", ORDERS),
    ("A {age}-year-old jug holds {start} cups. Then {done}. How many cups does it hold?", EVENTS),
)
STEPS = (
    {
        "+": "Then add {1}: {0} + {1} = {2}.",
        "-": "Then subtract {1}: {0} - {1} = {2}.",
        "*": "Then multiply by {1}: {0} * {1} = {2}.",
    },
    {
        "+": "Adding {1} to {0} gives {2} in lowest terms.",
        "-": "Taking {1} from {0} gives {2} in lowest terms.",
        "*": "Multiplying {0} by {1} gives {2} in lowest terms.",
    },
    {
        "+": "Now {0} + {1}, reduced, is {2}.",
        "-": "Now {0} - {1}, reduced, is {2}.",
        "*": "Now {0} * {1}, reduced, is {2}.",
    },
)


class Fractions(Family):
    """The family of fraction chains."""

    name = "fractions"
    n_step_styles = len(STEPS)
    # A product can be wrong in one way where a sum or difference can in two; products are fewer.
    weights = {
        ErrorKind.SLIP: 1.0,
        ErrorKind.ADDED_ACROSS: 1.0,
        ErrorKind.UNSCALED_NUMERATOR: 1.0,
        ErrorKind.INVERTED_FRACTION: 0.5,
        ErrorKind.PARTIAL_REDUCTION: 1.0,
        ErrorKind.WRONG_OPERAND: 1.5,
        ErrorKind.WRONG_OPERATION: 1.0,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        given, limit = GIVEN[level], SIZES[level].value
        while True:
            start = state = choose(rng, given)
            operations: list[tuple[str, tuple[int, int]]] = []
            for _ in range(n_operations * DRAWS):
                operation = (choose(rng, "++--*"), choose(rng, given))
                result = _reduced(*_compute(state, *operation))
                if _fits(result, limit):
                    operations.append(operation)
                    state = result
                if len(operations) == n_operations:
                    return Problem(start, tuple(operations), limits=limit)

    def key(self, problem):
        done = " ".join(f"{symbol}{_written(n)}" for symbol, n in problem.operations)
        return f"{_written(problem.start)} {done}"

    def move(self, problem, index, state):
        operation = problem.operations[index]
        result = _reduced(*_compute(state, *operation))
        return Move(state, operation, result) if _fits(result, problem.limits) else None

    def corrupt(self, rng, kind, problem, index, state):
        right = self.move(problem, index, state)
        (a, b), (symbol, (c, d)) = state, right.operation
        source, operand, result = state, (c, d), None
        sign = {"+": 1, "-": -1}.get(symbol)
        match kind:
            case ErrorKind.SLIP:
                result = (right.result[0] + choose(rng, (-2, -1, 1, 2)), right.result[1])
            case ErrorKind.ADDED_ACROSS if sign:
                result = _reduced(a + sign * c, b + sign * d)
            case ErrorKind.UNSCALED_NUMERATOR if sign:
                result = _reduced(a + sign * c, math.lcm(b, d))
            case ErrorKind.INVERTED_FRACTION if not sign:
                result = _reduced(a * d, b * c)
            case ErrorKind.PARTIAL_REDUCTION:
                result = choose(rng, _half_reduced(*_compute(state, symbol, operand)))
            case ErrorKind.WRONG_OPERAND:
                operand = _other(rng, problem, operand)
            case ErrorKind.WRONG_OPERATION:
                symbol = choose(rng, [s for s in "++--*" if s != symbol])
            case ErrorKind.COPIED_WRONG_VALUE:
                source = _miscopied(rng, state)
            case _:
                return None
        if result is None:
            result = _reduced(*_compute(source, symbol, operand))
        wrong = Move(source, (symbol, operand), result)
        fits = all(_fits(fraction, problem.limits) for fraction in (source, operand, result))
        fits = fits and result != right.result
        return wrong if fits and len(self.clause(wrong)) == len(self.clause(right)) else None

    def answer(self, problem, state):
        return _written(state)

    def misread(self, rng, problem, state):
        wrong = _miscopied(rng, state)
        return _written(wrong) if wrong != state and _fits(wrong, problem.limits) else None

    def ask(self, rng, problem):
        text, phrases = choose(rng, PHRASES)
        done = ", then ".join(phrases[s].format(_written(n)) for s, n in problem.operations)
        return text.format(start=_written(problem.start), done=done, age=int(rng.integers(2, 60)))

    def say(self, move, style):
        symbol, operand = move.operation
        numbers = (move.source, operand, move.result)
        return STEPS[style][symbol].format(*map(_written, numbers))

    def clause(self, move):
        symbol, operand = move.operation
        return f"{_written(move.source)} {symbol} {_written(operand)} = {_written(move.result)}"

    def conclude(self, answer):
        return answer


def _compute(fraction, symbol, operand):
    """The result over the least common denominator (of a product: over their product)."""
    (a, b), (c, d) = fraction, operand
    if symbol == "*":
        return a * c, b * d
    common = math.lcm(b, d)
    a, c = a * (common // b), c * (common // d)
    return (a + c if symbol == "+" else a - c), common


def _reduced(numerator, denominator):
    divisor = math.gcd(numerator, denominator) or 1
    return numerator // divisor, denominator // divisor


def _half_reduced(numerator, denominator):
    """The fraction with the common factor taken out of one of its two numbers."""
    divisor = math.gcd(numerator, denominator)
    return (numerator // divisor, denominator), (numerator, denominator // divisor)


def _fits(fraction, limit):
    """Whether it is positive, reduced, no whole number and within the limit."""
    numerator, denominator = fraction
    in_range = 1 <= numerator <= limit and 2 <= denominator <= limit
    return in_range and math.gcd(numerator, denominator) == 1


def _written(fraction):
    return f"{fraction[0]}/{fraction[1]}"


def _miscopied(rng, fraction):
    """The fraction with one of its two numbers miscopied; it may be one that does not reduce."""
    numerator, denominator = fraction
    if rng.random() < 0.5:
        return _reduced(miscopied(rng, numerator), denominator)
    return _reduced(numerator, miscopied(rng, denominator) or denominator)


def _other(rng, problem, operand):
    """Another fraction of the problem, or else a miscopied one."""
    others = [n for _, n in problem.operations if n != operand]
    if others and rng.random() < 0.5:
        return choose(rng, others)
    return _miscopied(rng, operand)
