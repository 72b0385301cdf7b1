"""Base conversion: a number is divided by the base again and again, the remainders are its digits.

The state is (number left, digits found so far as they are read), an operation the base, the same in
every step. Right or wrong, the number left is 0 after the last division and not before. Harder
levels have larger bases.
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


class Division(NamedTuple):
    """What a step says of its division, apart from the quotient, which is a part of its result."""

    base: int
    remainder: int


BASES = {1: (4, 5, 6), 2: (3, 4, 5, 6, 7), 3: (3, 4, 5, 6, 7, 8), 4: (3, 4, 5, 6, 7, 8, 9)}
PHRASES = (
    "Write {n} in base {base}.",
    "What is the decimal number {n} in base {base}?",
    "Convert {n} from base 10 to base {base}.",
    "A counter that shows digits below {base} only, and has {extra} screws, counts from 0 in base "
    "{base}. What does it show after {n} counts?",
)
STEPS = (
    "{n} / {base} = {q} remainder {r}. Last digits: {digits}.",
    "{n} = {q} * {base} + {r}, so the digits end in {digits}.",
    "Dividing {n} by {base} gives {q} and leaves {r}; digits so far {digits}.",
)


class BaseConversion(Family):
    """The family of base conversions."""

    name = "base_conversion"
    n_step_styles = len(STEPS)
    weights = {
        ErrorKind.SLIP: 1.0,
        ErrorKind.ROUNDED_UP: 0.7,
        ErrorKind.WRONG_OPERAND: 1.0,
        ErrorKind.WRONG_END: 1.0,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        base = choose(rng, BASES[level])
        number = int(rng.integers(base ** (n_operations - 1), base**n_operations))
        return Problem((number, ""), (base,) * n_operations)

    def key(self, problem):
        return f"{problem.start[0]} base {problem.operations[0]}"

    def move(self, problem, index, state):
        base = problem.operations[index]
        quotient, remainder = divmod(state[0], base)
        if not _fits(problem, index, quotient):
            return None
        return _step(state, base, quotient, remainder)

    def corrupt(self, rng, kind, problem, index, state):
        right = self.move(problem, index, state)
        (base, remainder), quotient = right.operation, right.result[0]
        number, digits = state
        wrong = right
        match kind:
            case ErrorKind.SLIP:
                by_one = [(quotient, remainder - 1), (quotient, remainder + 1)]
                by_one += [(quotient - 1, remainder), (quotient + 1, remainder)]
                fits = [(q, r) for q, r in by_one if 0 <= r < base and _fits(problem, index, q)]
                wrong = _step(state, base, *choose(rng, fits))
            case ErrorKind.ROUNDED_UP if remainder:
                wrong = _step(state, base, quotient + 1, base - remainder)
            case ErrorKind.WRONG_OPERAND:
                other = choose(rng, [base - 1, base + 1])
                wrong = _step(state, other, *divmod(number, other))
            case ErrorKind.WRONG_END:
                wrong = Move(state, right.operation, (quotient, f"{digits}{remainder}"))
            case ErrorKind.COPIED_WRONG_VALUE if rng.random() < 0.5 or not digits:
                other = miscopied(rng, number)
                wrong = _step((other, digits), base, *divmod(other, base))
            case ErrorKind.COPIED_WRONG_VALUE:
                miscopy = miscopied_digits(rng, digits, base)
                wrong = Move(state, right.operation, (quotient, f"{remainder}{miscopy}"))
            case _:
                return None
        fits = wrong.result != right.result and _fits(problem, index, wrong.result[0])
        return wrong if fits and len(self.clause(wrong)) == len(self.clause(right)) else None

    def answer(self, problem, state):
        return state[1]

    def misread(self, rng, problem, state):
        digits = state[1]
        wrong = (
            digits[::-1]
            if rng.random() < 0.5
            else miscopied_digits(rng, digits, problem.operations[0])
        )
        return wrong if wrong != digits and wrong[0] != "0" else None

    def ask(self, rng, problem):
        number, base = problem.start[0], problem.operations[0]
        return choose(rng, PHRASES).format(n=number, base=base, extra=int(rng.integers(2, 10)))

    def say(self, move, style):
        (base, remainder), (quotient, digits) = move.operation, move.result
        return STEPS[style].format(
            n=move.source[0], base=base, q=quotient, r=remainder, digits=digits
        )

    def clause(self, move):
        return self.say(move, 1)[:-1]

    def conclude(self, answer):
        return answer


def _step(state, base, quotient, remainder):
    result = (quotient, f"{remainder}{state[1]}")
    return Move(state, Division(base, remainder), result)


def _fits(problem, index, quotient):
    """Whether the number left takes exactly the divisions that are left."""
    base, left = problem.operations[index], len(problem.operations) - index - 1
    return base ** (left - 1) <= quotient < base**left if left else quotient == 0


def miscopied_digits(rng, digits, base=10):
    """A numeral (str) in some base with two neighbours exchanged, or one digit changed."""
    place = int(rng.integers(len(digits)))
    if place and digits[place] != digits[place - 1] and rng.random() < 0.5:
        return digits[: place - 1] + digits[place] + digits[place - 1] + digits[place + 1 :]
    other = choose(rng, [str(d) for d in range(base) if str(d) != digits[place]])
    return digits[:place] + other + digits[place + 1 :]
