"""Word problems: a quantity that grows and shrinks in a story, with facts that nobody needs.

The state is the quantity. An operation is (sign, a, b): it changes by `a`, or by `a` times `b`
where `b` is a number per crate, hour or ticket. `question` holds the numbers of the facts that are
not needed. Harder levels have larger numbers, more products and more such facts.
"""

import dataclasses
from typing import NamedTuple

from prm_jax.data.synthetic.arithmetic import miscopied
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
from prm_jax.data.synthetic.stories import tell


class Size(NamedTuple):
    """Bounds of the start value, of how many and how much, and of the quantity; how many facts."""

    start: int
    times: int
    amount: int
    value: int
    facts: int


SIZES = {
    1: Size(60, 4, 20, 250, 1),
    2: Size(90, 6, 40, 600, 1),
    3: Size(300, 9, 60, 2000, 2),
    4: Size(900, 9, 99, 9999, 2),
}
PRODUCTS = 0.5
STEPS = (
    (
        "Now there are {s} {sign} {p} = {r}.",
        "First {a} * {b} = {p}, so now there are {s} {sign} {p} = {r}.",
    ),
    (
        "The new number is {s} {sign} {p} = {r}.",
        "As {a} * {b} = {p}, the new number is {s} {sign} {p} = {r}.",
    ),
    (
        "That makes {s} {sign} {p} = {r}.",
        "In all {a} * {b} = {p}. That makes {s} {sign} {p} = {r}.",
    ),
)
CLAUSES = ("{s} {sign} {p} = {r}", "{a} * {b} = {p} and {s} {sign} {p} = {r}")


class WordProblems(Family):
    """The family of word problems."""

    name = "word_problems"
    n_step_styles = len(STEPS)
    weights = {
        ErrorKind.SLIP: 1.0,
        ErrorKind.DROPPED_CARRY: 1.0,
        ErrorKind.WRONG_OPERAND: 1.0,
        ErrorKind.IRRELEVANT_NUMBER: 1.0,
        ErrorKind.WRONG_OPERATION: 1.0,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        size = SIZES[level]
        while True:
            start = int(rng.integers(20, size.start))
            operations = tuple(_operation(rng, size) for _ in range(n_operations))
            problem = Problem(start, operations, limits=size.value)
            if true_states(self, problem) is not None:
                used = {start, *(n for _, a, b in operations for n in (a, b))}
                free = [n for n in range(10, size.amount) if n not in used]
                facts = tuple(int(n) for n in rng.permutation(free)[: size.facts])
                return dataclasses.replace(problem, question=facts)

    def key(self, problem):
        done = " ".join(f"{sign}{a}" + (f"x{b}" if b else "") for sign, a, b in problem.operations)
        return f"{problem.start} {done}"

    def move(self, problem, index, state):
        sign, a, b = problem.operations[index]
        return _move(problem, state, sign, a, b, a * b if b else a)

    def corrupt(self, rng, kind, problem, index, state):
        sign, a, b = problem.operations[index]
        change = a * b if b else a
        true = _move(problem, state, sign, a, b, change)
        if true is None:
            return None
        source, wrong, offset = state, change, 0
        match kind:
            case ErrorKind.SLIP:
                offset = int(choose(rng, (-10, -2, -1, 1, 2, 10)))
            case ErrorKind.DROPPED_CARRY:
                in_product = b is not None and rng.random() < 0.5
                carries = lost_carries(b, "*", a) if in_product else ()
                carries = carries or lost_carries(state, sign, change)
                offset = choose(rng, carries) if carries else 0
                wrong, offset = (change + offset, 0) if in_product else (change, offset)
            case ErrorKind.WRONG_OPERAND | ErrorKind.IRRELEVANT_NUMBER:
                a, b = _other_numbers(rng, kind, problem, a, b)
                wrong = a * b if b else a
            case ErrorKind.WRONG_OPERATION:
                sign = "-" if sign == "+" else "+"
            case ErrorKind.COPIED_WRONG_VALUE:
                source = miscopied(rng, state)
            case _:
                return None
        found = _move(problem, source, sign, a, b, wrong, offset)
        if found is None or found.result == true.result:
            return None
        as_long = len(str(wrong)) == len(str(change))
        return found if as_long and len(str(found.result)) == len(str(true.result)) else None

    def answer(self, problem, state):
        return str(state)

    def misread(self, rng, problem, state):
        value = miscopied(rng, state)
        return str(value) if 1 < value <= problem.limits else None

    def ask(self, rng, problem):
        return tell(rng, problem.start, problem.operations, problem.question)

    def say(self, move, style):
        return _worded(STEPS[style], move)

    def clause(self, move):
        return _worded(CLAUSES, move)

    def conclude(self, answer):
        return answer


def _operation(rng, size):
    sign, amount = choose(rng, "+-"), int(rng.integers(10, size.amount))
    if rng.random() < PRODUCTS:
        return sign, int(rng.integers(2, size.times + 1)), amount
    return sign, amount, None


def _move(problem, source, sign, a, b, change, offset=0):
    """The move, None if its result leaves the limits."""
    result = (source + change if sign == "+" else source - change) + offset
    fits = change > 0 and 9 < result <= problem.limits
    return Move(source, (sign, a, b, change), result) if fits else None


def _other_numbers(rng, kind, problem, a, b):
    """The numbers of the operation with one, of two digits, replaced."""
    now = b or a
    if kind == ErrorKind.IRRELEVANT_NUMBER:
        others = [n for n in problem.question if n != now]
    else:
        others = [amount or count for _, count, amount in problem.operations]
        others = [n for n in others if n != now]
    other = choose(rng, others) if others else now
    return (a, other) if b else (other, b)


def _worded(pair, move):
    sign, a, b, change = move.operation
    text = pair[b is not None]
    return text.format(s=move.source, sign=sign, a=a, b=b, p=change, r=move.result)
