"""Arithmetic chains: a start value, then additions, subtractions and multiplications, one a step.

The state is the running value, an operation a pair such as ('+', 17). Harder levels have larger
numbers.
"""

from typing import NamedTuple

from prm_jax.data.synthetic.carries import lost_carries
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
    """How large numbers get: start value and operands stay below, running values up to `value`."""

    start: int
    operand: int
    value: int


SIZES = {1: Size(30, 20, 99), 2: Size(60, 60, 300), 3: Size(100, 100, 999), 4: Size(500, 500, 9999)}
NAMES = ("Ava", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana")
THINGS = ("coins", "beads", "cards", "stamps", "shells", "marbles")
ORDERS = {"+": "add {}", "-": "subtract {}", "*": "multiply by {}"}
EVENTS = {"+": "gets {} more", "-": "gives away {}", "*": "has {} times as many"}
PHRASES = (
    ("Start with {start}, then {done}. What is the result?", ", then ", ORDERS),
    ("Take {start} and {done}, in this order. What do you get?", ", ", ORDERS),
    (
        "{name} has {start} {things}, then {done}. How many {things} does {name} have?",
        ", then ",
        EVENTS,
    ),
)
STEPS = (
    {
        "+": "Then add {1}: {0} + {1} = {2}.",
        "-": "Then subtract {1}: {0} - {1} = {2}.",
        "*": "Then multiply by {1}: {0} * {1} = {2}.",
    },
    {
        "+": "Adding {1} to {0} gives {2}.",
        "-": "Taking {1} from {0} gives {2}.",
        "*": "Multiplying {0} by {1} gives {2}.",
    },
    {"+": "Now {0} + {1} = {2}.", "-": "Now {0} - {1} = {2}.", "*": "Now {0} * {1} = {2}."},
)


class Arithmetic(Family):
    """The family of arithmetic chains."""

    name = "arithmetic"
    n_step_styles = len(STEPS)
    weights = {
        ErrorKind.SLIP: 1.0,
        ErrorKind.DROPPED_CARRY: 1.0,
        ErrorKind.WRONG_OPERAND: 1.5,
        ErrorKind.WRONG_OPERATION: 1.0,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        size = SIZES[level]
        while True:
            start = int(rng.integers(10, size.start))
            operations = tuple(_operation(rng, size) for _ in range(n_operations))
            problem = Problem(start, operations, limits=size.value)
            if true_states(self, problem) is not None:
                return problem

    def key(self, problem):
        done = " ".join(f"{symbol}{operand}" for symbol, operand in problem.operations)
        return f"{problem.start} {done}"

    def move(self, problem, index, state):
        symbol, operand = problem.operations[index]
        result = _compute(state, symbol, operand)
        return Move(state, (symbol, operand), result) if 1 < result <= problem.limits else None

    def corrupt(self, rng, kind, problem, index, state):
        symbol, operand = problem.operations[index]
        true = _compute(state, symbol, operand)
        source, result = state, true
        match kind:
            case ErrorKind.SLIP:
                result = true + int(choose(rng, (-10, -2, -1, 1, 2, 10)))
            case ErrorKind.DROPPED_CARRY:
                changes = lost_carries(state, symbol, operand)
                result = true + choose(rng, changes) if changes else true
            case ErrorKind.WRONG_OPERAND:
                operand = _other_operand(rng, problem, symbol, operand)
            case ErrorKind.WRONG_OPERATION:
                symbol = {"+": "-", "-": "+"}.get(symbol, symbol)
            case ErrorKind.COPIED_WRONG_VALUE:
                source = miscopied(rng, state)
            case _:
                return None
        if (source, symbol, operand) != (state, *problem.operations[index]):
            result = _compute(source, symbol, operand)
        fits = 1 < result <= problem.limits and len(str(result)) == len(str(true))
        return Move(source, (symbol, operand), result) if fits and result != true else None

    def answer(self, problem, state):
        return str(state)

    def misread(self, rng, problem, state):
        value = miscopied(rng, state)
        return str(value) if 1 < value <= problem.limits else None

    def ask(self, rng, problem):
        text, joint, phrases = choose(rng, PHRASES)
        done = joint.join(phrases[symbol].format(n) for symbol, n in problem.operations)
        name, things = choose(rng, NAMES), choose(rng, THINGS)
        return text.format(start=problem.start, done=done, name=name, things=things)

    def say(self, move, style):
        symbol, operand = move.operation
        return STEPS[style][symbol].format(move.source, operand, move.result)

    def clause(self, move):
        symbol, operand = move.operation
        return f"{move.source} {symbol} {operand} = {move.result}"

    def conclude(self, answer):
        return answer


def miscopied(rng, value):
    """A number with as many digits: two neighbouring digits exchanged, or one digit changed."""
    digits = list(str(value))
    place = int(rng.integers(len(digits)))
    if place and digits[place] != digits[place - 1] and digits[place] != "0" and rng.random() < 0.5:
        digits[place - 1], digits[place] = digits[place], digits[place - 1]
    else:
        first = 1 if place == 0 and len(digits) > 1 else 0
        digits[place] = choose(rng, [str(d) for d in range(first, 10) if str(d) != digits[place]])
    return int("".join(digits))


def _operation(rng, size):
    symbol = choose(rng, "++--*")
    low, high = (2, 6) if symbol == "*" else (3, size.operand)
    return symbol, int(rng.integers(low, high))


def _compute(value, symbol, operand):
    return {"+": value + operand, "-": value - operand, "*": value * operand}[symbol]


def _other_operand(rng, problem, symbol, operand):
    """Another number of the problem in the same role, or else a miscopied one."""
    others = [n for s, n in problem.operations if (s == "*") == (symbol == "*") and n != operand]
    others = [n for n in others if len(str(n)) == len(str(operand))]
    if others and rng.random() < 0.5:
        return choose(rng, others)
    if symbol == "*":
        return choose(rng, [n for n in range(2, 6) if n != operand])
    return miscopied(rng, operand)
