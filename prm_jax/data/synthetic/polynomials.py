"""Expanding products: a polynomial is multiplied by one factor such as (2x - 3) after another.

The state is the tuple of coefficients, the constant first, an operation a factor in the same form.
No coefficient, right or wrong, is ever 0: a missing term would tell. Harder levels have more
factors, and factors with a leading coefficient.
"""

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
    """Leading coefficients of the factors, and the largest size of their constants."""

    leading: tuple[int, ...]
    constant: int


SIZES = {1: Size((1,), 9), 2: Size((1,), 6), 3: Size((1, 1, 2), 5), 4: Size((1, 1, 2, 3), 4)}
LIMIT = 99999
# Draws of one factor before the problem is begun anew.
DRAWS = 10
PHRASES = (
    "Expand {product}.",
    "Multiply out {product} and collect equal powers of x.",
    "Which polynomial is the product {product}?",
    "In a formula of {extra} lines stands {product}. Write it without parentheses.",
)
STEPS = (
    "Multiply by ({factor}): {result}.",
    "Multiplying this by ({factor}) gives {result}.",
    "With the factor ({factor}) it becomes {result}.",
)


class Polynomials(Family):
    """The family of products to expand."""

    name = "polynomials"
    n_step_styles = len(STEPS)
    weights = {
        ErrorKind.SLIP: 1.0,
        ErrorKind.WRONG_SIGN: 1.0,
        ErrorKind.FORGOT_TERM: 1.0,
        ErrorKind.MISALIGNED: 1.0,
        ErrorKind.WRONG_OPERAND: 1.0,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        size = SIZES[level]
        while True:
            start = state = _factor(rng, size)
            factors: list[tuple[int, int]] = []
            for _ in range(n_operations * DRAWS):
                factor = _factor(rng, size)
                result = _product(state, factor)
                if _fits(result):
                    factors.append(factor)
                    state = result
                if len(factors) == n_operations:
                    return Problem(start, tuple(factors))

    def key(self, problem):
        return _written_product(problem)

    def move(self, problem, index, state):
        factor = problem.operations[index]
        result = _product(state, factor)
        return Move(state, factor, result) if _fits(result) else None

    def corrupt(self, rng, kind, problem, index, state):
        right = self.move(problem, index, state)
        factor, result = right.operation, list(right.result)
        power = int(rng.integers(len(state)))
        # The product of one term of the state with one of the factor, and the power it belongs to.
        side = int(rng.integers(2))
        term, place = state[power] * factor[side], power + side
        match kind:
            case ErrorKind.SLIP:
                result[place] += choose(rng, (-10, -2, -1, 1, 2, 10))
            case ErrorKind.WRONG_SIGN:
                result[place] -= 2 * term
            case ErrorKind.FORGOT_TERM:
                result[place] -= term
            case ErrorKind.MISALIGNED:
                result[place] -= term
                result[place - 1 if place else 1] += term
            case ErrorKind.WRONG_OPERAND:
                factor = _other_factor(rng, problem, factor)
                result = _product(state, factor)
            case ErrorKind.COPIED_WRONG_VALUE:
                result = _product(_miscopied(rng, state), factor)
            case _:
                return None
        wrong = Move(state, factor, tuple(result))
        fits = wrong.result != right.result and _fits(wrong.result)
        return wrong if fits and len(self.clause(wrong)) == len(self.clause(right)) else None

    def answer(self, problem, state):
        return _written(state)

    def misread(self, rng, problem, state):
        return _written(_miscopied(rng, state))

    def ask(self, rng, problem):
        extra = int(rng.integers(2, 10))
        return choose(rng, PHRASES).format(product=_written_product(problem), extra=extra)

    def say(self, move, style):
        factor, result = _written(move.operation), _written(move.result)
        return STEPS[style].format(factor=factor, result=result)

    def clause(self, move):
        return f"times ({_written(move.operation)}) it is {_written(move.result)}"

    def conclude(self, answer):
        return answer


def _factor(rng, size):
    constant = int(rng.integers(1, size.constant + 1))
    return (constant if rng.random() < 0.5 else -constant, choose(rng, size.leading))


def _product(polynomial, factor):
    """The polynomial times the factor."""
    constant, leading = factor
    padded = (0, *polynomial, 0)
    return tuple(constant * a + leading * b for a, b in zip(padded[1:], padded))


def _fits(polynomial):
    """Whether all its coefficients are there, within the limit, and the leading one positive."""
    return polynomial[-1] > 0 and all(0 < abs(number) <= LIMIT for number in polynomial)


def _written(polynomial):
    """A polynomial as text, such as 'x^2 - 3x + 2'."""
    text = ""
    for power in range(len(polynomial) - 1, -1, -1):
        number = polynomial[power]
        size = str(abs(number)) if abs(number) != 1 or not power else ""
        variable = f"x^{power}" if power > 1 else "x" if power else ""
        text += f" {'-' if number < 0 else '+'} {size}{variable}"
    return text.removeprefix(" + ")


def _written_product(problem):
    factors = (problem.start, *problem.operations)
    return "".join(f"({_written(factor)})" for factor in factors)


def _other_factor(rng, problem, factor):
    """Another factor of the problem, or else one with another sign."""
    others = [other for other in problem.operations if other != factor]
    if others and rng.random() < 0.5:
        return choose(rng, others)
    return (-factor[0], factor[1])


def _miscopied(rng, polynomial):
    """The polynomial with one coefficient below the leading one miscopied."""
    place = int(rng.integers(len(polynomial) - 1))
    number = polynomial[place]
    # A single digit that is miscopied as 0 becomes its own opposite.
    other = miscopied(rng, abs(number)) or -abs(number)
    return (*polynomial[:place], other if number > 0 else -other, *polynomial[place + 1 :])
