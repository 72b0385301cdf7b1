"""Euclid's algorithm: the pair is replaced by its smaller number and a remainder, until that is 0.

The state is a pair (larger, smaller), an operation the quotient of the right division. The numbers
are built up from their quotients, so that there are as many divisions as are asked for; wrong pairs
too are taken only if they leave as many. Harder levels have larger numbers.
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
    true_states,
)


class Size(NamedTuple):
    """The greatest common divisor stays below `divisor`, all numbers up to `value`."""

    divisor: int
    value: int


SIZES = {1: Size(20, 99), 2: Size(30, 999), 3: Size(60, 2999), 4: Size(90, 9999)}
QUOTIENTS = (1, 1, 1, 2, 2, 3, 4)
SLIPS = (-20, -11, -9, -6, -4, -3, -2, -1, 1, 2, 3, 4, 6, 9, 11, 20)
TENS = (-100, -90, -80, -70, -60, -50, -40, -30, -10, 10, 30, 40, 50, 60, 70, 80, 90, 100)
PHRASES = (
    "What is the greatest common divisor of {} and {}?",
    "Find gcd({}, {}) with Euclid's algorithm.",
    "Ropes of {} cm and {} cm, worth {extra} coins, are cut into equal pieces, nothing left over. "
    "How long can a piece be at most?",
    "A floor is {} cm long and {} cm wide, and {extra} tiles cost a penny. What is the side of the "
    "largest square tile that covers it without cutting?",
)
STEPS = (
    "{a} = {q} * {b} + {r}, so the gcd of {a} and {b} is that of {c} and {d}.",
    "Dividing {a} by {b} gives {q} and leaves {r}; the pair is now {c} and {d}.",
    "{a} divided by {b} is {q}, remainder {r}. Next pair: {c}, {d}.",
)


class Claimed(NamedTuple):
    """What a step says of its division."""

    quotient: int
    remainder: int


class Gcd(Family):
    """The family of greatest common divisors."""

    name = "gcd"
    n_step_styles = len(STEPS)
    weights = {
        ErrorKind.SLIP: 1.0,
        ErrorKind.DROPPED_CARRY: 1.0,
        ErrorKind.WRONG_OPERAND: 1.0,
        ErrorKind.KEPT_DIVIDEND: 0.7,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        size = SIZES[level]
        while True:
            larger, smaller = int(rng.integers(2, size.divisor)), 0
            quotients: list[int] = []
            for _ in range(n_operations):
                # The first quotient made is the last of the algorithm, and there it is never 1.
                quotient = choose(rng, QUOTIENTS) + (not quotients)
                larger, smaller = quotient * larger + smaller, larger
                quotients.append(quotient)
            if larger <= size.value:
                return Problem((larger, smaller), tuple(quotients[::-1]), limits=size.value)

    def key(self, problem):
        return "{} {}".format(*problem.start)

    def move(self, problem, index, state):
        larger, smaller = state
        if not self._fits(problem, index, state):
            return None
        quotient, rest = divmod(larger, smaller)
        return Move(state, Claimed(quotient, rest), (smaller, rest))

    def corrupt(self, rng, kind, problem, index, state):
        larger, smaller = state
        quotient, rest = divmod(larger, smaller)
        (a, b), claimed, pair = state, Claimed(quotient, rest), None
        match kind:
            case ErrorKind.SLIP if rest:
                claimed = Claimed(quotient, self._near(rng, problem, index, state, SLIPS))
            case ErrorKind.DROPPED_CARRY if rest:
                claimed = Claimed(quotient, self._near(rng, problem, index, state, TENS))
            case ErrorKind.WRONG_OPERAND:
                a, pair = choose(rng, self._other_pairs(problem, index, state))
                claimed = Claimed(*divmod(a, b))
            case ErrorKind.KEPT_DIVIDEND:
                pair = (larger, rest)
            case ErrorKind.COPIED_WRONG_VALUE:
                if rng.random() < 0.5:
                    pair = (smaller, miscopied(rng, rest)) if rest else (miscopied(rng, smaller), 0)
                else:
                    a = miscopied(rng, a)
                    claimed = Claimed(*divmod(a, b))
            case _:
                return None
        pair = pair or (b, claimed.remainder)
        fits = a > b and pair != (smaller, rest) and self._fits(problem, index + 1, pair)
        wrong = Move((a, b), claimed, pair)
        right = Move(state, Claimed(quotient, rest), (smaller, rest))
        return wrong if fits and len(self.clause(wrong)) == len(self.clause(right)) else None

    def answer(self, problem, state):
        return str(state[0])

    def misread(self, rng, problem, state):
        return str(miscopied(rng, state[0]))

    def ask(self, rng, problem):
        return choose(rng, PHRASES).format(*problem.start, extra=int(rng.integers(2, 20)))

    def say(self, move, style):
        (a, b), (q, r), (c, d) = move.source, move.operation, move.result
        return STEPS[style].format(a=a, b=b, q=q, r=r, c=c, d=d)

    def clause(self, move):
        text = self.say(move, 0)
        return text[:-1]

    def conclude(self, answer):
        return answer

    def _fits(self, problem, index, pair):
        """Whether the pair is in order and needs as many divisions as are left."""
        larger, smaller = pair
        if not 0 <= smaller < larger <= problem.limits:
            return False
        return _divisions(larger, smaller) == len(problem.operations) - index

    def _other_pairs(self, problem, index, state):
        """What a wrong number gives: (dividend, pair or None for what the division leaves).

        The dividend may be an earlier number, or the quotient may go on in the remainder's place.
        """
        larger, smaller = state
        earlier = true_states(self, problem)[max(index - 2, 0) : index]
        divided = [(a, None) for a, _ in earlier if self._fits(problem, index, (a, smaller))]
        return [*divided, (larger, (smaller, larger // smaller))]

    def _near(self, rng, problem, index, state, steps):
        """A remainder near the right one that leaves as many divisions, or else the right one."""
        rest, smaller = state[0] % state[1], state[1]
        near = [rest + step for step in steps if 0 < rest + step < smaller]
        fits = [r for r in near if self._fits(problem, index + 1, (smaller, r))]
        return choose(rng, fits) if fits else rest


def _divisions(larger, smaller):
    """How many divisions Euclid's algorithm needs."""
    count = 0
    while smaller:
        larger, smaller = smaller, larger % smaller
        count += 1
    return count
