"""Long multiplication: one partial product per digit of the second factor, then they are added up.

The state is the tuple of partial products that are still to be added. An operation multiplies by
one digit in its place, adds the first two parts, or appends the zeros that the second factor ends
in; which of them comes when depends on the number of operations alone. Harder levels have longer
first factors.
"""

from prm_jax.data.synthetic.arithmetic import miscopied
from prm_jax.data.synthetic.carries import lost_carries
from prm_jax.data.synthetic.family import (
    COMPOSITE_WEIGHTS,
    ErrorKind,
    Family,
    Move,
    Problem,
    choose,
)

# Number of digits of the first factor.
DIGITS = {1: (2,), 2: (2, 3), 3: (3,), 4: (3, 4)}
THINGS = ("coins", "beads", "cards", "stamps", "shells", "marbles")
PHRASES = (
    "Multiply {a} by {b} with partial products.",
    "Work out {a} * {b} by hand.",
    "What is the product of {a} and {b}?",
    "There are {b} boxes with {a} {things} each, on {extra} carts. How many {things} are there?",
)
STEPS = (
    {
        "part": "{0} * {1} = {2}. Parts so far: {3}.",
        "add": "{0} + {1} = {2}. Parts left: {3}.",
        "zeros": "Append {1} to {0}: {2}.",
    },
    {
        "part": "Multiplying {0} by {1} gives {2}, which makes the parts {3}.",
        "add": "Adding {0} and {1} gives {2}, which leaves the parts {3}.",
        "zeros": "Appending {1} to {0} gives {2}.",
    },
    {
        "part": "Times {1}, the number {0} is {2}. List: {3}.",
        "add": "Together {0} and {1} are {2}. List: {3}.",
        "zeros": "With {1} at its end, {0} is {2}.",
    },
)


class LongMultiplication(Family):
    """The family of long multiplications."""

    name = "long_multiplication"
    n_step_styles = len(STEPS)
    weights = {
        ErrorKind.SLIP: 1.0,
        ErrorKind.DROPPED_CARRY: 1.0,
        ErrorKind.MISALIGNED: 1.0,
        ErrorKind.WRONG_OPERAND: 1.0,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        n_digits = choose(rng, DIGITS[level])
        first = int(rng.integers(10 ** (n_digits - 1) + 1, 10**n_digits))
        n_parts = (n_operations + 1) // 2
        digits = rng.integers(2, 10, n_parts).tolist()
        parts = [("part", first, digit * 10**place) for place, digit in enumerate(digits)]
        sums = [("add",)] * (n_parts - 1)
        zeros = [] if n_operations % 2 else [("zeros", choose(rng, (1, 2)))]
        return Problem((), (*parts, *sums, *zeros))

    def key(self, problem):
        return "{} * {}".format(*_factors(problem))

    def move(self, problem, index, state):
        operation = problem.operations[index]
        return Move(state, operation, _result(state, operation))

    def corrupt(self, rng, kind, problem, index, state):
        right = self.move(problem, index, state)
        name, *numbers = operation = right.operation
        source, true, new = state, _new(right), None
        match kind:
            case ErrorKind.SLIP:
                unit = _unit(numbers[1]) if name == "part" else 1
                new = true + unit * choose(rng, (-10, -2, -1, 1, 2, 10))
            case ErrorKind.DROPPED_CARRY if name != "zeros":
                changes = _lost_carries(state, operation)
                new = true + choose(rng, changes) if changes else true
            case ErrorKind.MISALIGNED:
                new = _misaligned(rng, state, operation)
            case ErrorKind.WRONG_OPERAND:
                source, operation = _other_numbers(rng, state, operation)
            case ErrorKind.COPIED_WRONG_VALUE:
                source, operation = _miscopied(rng, state, operation)
            case _:
                return None
        result = _result(source, operation)
        if new is not None:
            result = (*state, new) if name == "part" else (new, *result[1:])
        wrong = Move(source, operation, result)
        close = kind == ErrorKind.MISALIGNED or len(self.clause(wrong)) == len(self.clause(right))
        return wrong if close and result != right.result and min(result) > 0 else None

    def answer(self, problem, state):
        return str(state[0])

    def misread(self, rng, problem, state):
        return str(miscopied(rng, state[0]))

    def ask(self, rng, problem):
        a, b = _factors(problem)
        return choose(rng, PHRASES).format(
            a=a, b=b, things=choose(rng, THINGS), extra=int(rng.integers(2, 10))
        )

    def say(self, move, style):
        name, *numbers = move.operation
        if name == "add":
            numbers = move.source[:2]
        elif name == "zeros":
            numbers = [move.source[0], "0" * numbers[0]]
        parts = ", ".join(map(str, move.result))
        return STEPS[style][name].format(*numbers, _new(move), parts)

    def clause(self, move):
        text = self.say(move, 1)
        return text[0].lower() + text[1:-1]

    def conclude(self, answer):
        return answer


def _factors(problem):
    """The two factors, from the operations."""
    parts = [numbers for name, *numbers in problem.operations if name == "part"]
    zeros = [numbers[0] for name, *numbers in problem.operations if name == "zeros"]
    return parts[0][0], sum(value for _, value in parts) * 10 ** sum(zeros)


def _result(parts, operation):
    name, *numbers = operation
    if name == "part":
        return (*parts, numbers[0] * numbers[1])
    first, *rest = parts
    return (first + rest[0], *rest[1:]) if name == "add" else (first * 10 ** numbers[0],)


def _new(move):
    """The part that a step has worked out: the last one if it multiplies, else the first."""
    return move.result[-1 if move.operation[0] == "part" else 0]


def _lost_carries(parts, operation):
    """The change of the new part for each carry that may be forgotten."""
    name, *numbers = operation
    if name == "add":
        return lost_carries(parts[0], "+", parts[1])
    unit = _unit(numbers[1])
    return [change * unit for change in lost_carries(numbers[0], "*", numbers[1] // unit)]


def _unit(value):
    """The place value of the one digit that is not 0."""
    return 10 ** (len(str(value)) - 1)


def _misaligned(rng, parts, operation):
    """The new part if a number is written one place further left or right than it belongs."""
    name, *numbers = operation
    if name == "add":
        return parts[0] + choose(rng, (parts[1] * 10, parts[1] // 10))
    new = _result(parts, operation)[-1]
    return choose(rng, (new * 10, new // 10)) if new % 10 == 0 else new * 10


def _other_numbers(rng, parts, operation):
    """Parts and operation with another digit, another part or another number of zeros."""
    name, *numbers = operation
    if name == "add":
        other = choose(rng, [0, *range(2, len(parts))])
        rest = [part for place, part in enumerate(parts) if place not in (0, other)]
        return (parts[0], parts[other], *(rest if other else rest[1:])), operation
    if name == "zeros":
        return parts, ("zeros", 3 - numbers[0])
    digit = choose(rng, [n for n in range(2, 10) if n != numbers[1] // _unit(numbers[1])])
    return parts, ("part", numbers[0], digit * _unit(numbers[1]))


def _miscopied(rng, parts, operation):
    """Parts and operation with one of the parts, or the first factor, miscopied."""
    name, *numbers = operation
    if name == "part" and (not parts or rng.random() < 0.5):
        return parts, ("part", miscopied(rng, numbers[0]), numbers[1])
    place = int(rng.integers(len(parts)))
    return (*parts[:place], miscopied(rng, parts[place]), *parts[place + 1 :]), operation
