"""Insertion sort: one number after the other is put in its place, the list is written each time.

The state is the list. Operation k takes the number at place k and moves it to the left past all
that should stand after it; it is a pair of k and whether the list descends. Numbers have two digits
and are closer together at harder levels. Lists are as long whatever the number of operations, which
tells how often a step is wrong: the rest is in order from the start.
"""

from prm_jax.data.synthetic.arithmetic import miscopied
from prm_jax.data.synthetic.asides import with_aside
from prm_jax.data.synthetic.family import (
    COMPOSITE_WEIGHTS,
    ErrorKind,
    Family,
    Move,
    Problem,
    choose,
)

# How far apart the numbers of a level are at most.
SPANS = {1: 90, 2: 60, 3: 40, 4: 20}
ORDERS = {False: "from smallest to largest", True: "from largest to smallest"}
RANKS = ("first", "second", "third", "fourth", "fifth")
PHRASES = (
    "Sort {numbers} {order} by insertion sort, where the first {sorted} are in order already. "
    "{question}",
    "The list is {numbers}. Put it in order {order} by insertions; its sorted part has length "
    "{sorted} so far. {question}",
    "By insertion sort, arrange {numbers} {order}. The sorted part begins with {sorted} of them. "
    "{question}",
)
STEPS = (
    "Insert {0}: {1}.",
    "Moving {0} to its place gives {1}.",
    "The next number is {0}, and the list becomes {1}.",
    "Take {0} and put it where it belongs: {1}.",
)


class Sorting(Family):
    """The family of insertion sorts."""

    name = "sorting"
    n_step_styles = len(STEPS)
    weights = {
        ErrorKind.WRONG_PLACE: 1.5,
        ErrorKind.WRONG_OPERAND: 1.0,
        ErrorKind.WRONG_OPERATION: 1.0,
        ErrorKind.OVERWRITTEN: 1.0,
        ErrorKind.NO_SWAP: 0.7,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        n = int(rng.integers(9, 11))
        n_sorted = n - n_operations
        descending = bool(rng.random() < 0.4)
        low = int(rng.integers(10, 101 - SPANS[level]))
        numbers = (low + rng.permutation(SPANS[level])[:n]).tolist()
        start = (*sorted(numbers[:n_sorted], reverse=descending), *numbers[n_sorted:])
        operations = tuple((place, descending) for place in range(n_sorted, n))
        asked = int(rng.integers(len(RANKS))) if rng.random() < 0.4 else None
        return Problem(start, operations, question=asked)

    def key(self, problem):
        numbers = " ".join(map(str, problem.start))
        return f"{numbers} from {problem.operations[0]} {problem.question}"

    def move(self, problem, index, state):
        place, descending = problem.operations[index]
        to = _target(state, place, state[place], descending)
        return Move(state, state[place], _moved(state, place, to))

    def corrupt(self, rng, kind, problem, index, state):
        place, descending = problem.operations[index]
        number = state[place]
        to = _target(state, place, number, descending)
        true = result = _moved(state, place, to)
        match kind:
            case ErrorKind.WRONG_PLACE:
                near = [t for t in (to - 2, to - 1, to + 1, to + 2) if 0 <= t <= place]
                result = _moved(state, place, choose(rng, near))
            case ErrorKind.WRONG_OPERAND:
                other = choose(rng, [p for p in range(len(state)) if p != place])
                number = state[other]
                if other > place:
                    to = _target(state, place, number, descending)
                    result = _moved(state, other, to)
                else:
                    result = _moved(state, other, int(rng.integers(place + 1)))
            case ErrorKind.WRONG_OPERATION:
                result = _moved(state, place, _target(state, place, number, not descending))
            case ErrorKind.OVERWRITTEN if to < place:
                at, kept = choose(rng, ((to, state[:place]), (place - 1, true)))
                result = (*kept[:at], number, *state[at + 1 :])
            case ErrorKind.NO_SWAP:
                result = state
            case ErrorKind.COPIED_WRONG_VALUE:
                result = _miscopied(rng, true)
            case _:
                return None
        return Move(state, number, result) if result != true else None

    def answer(self, problem, state):
        if problem.question is None:
            return _listed(state)
        return str(state[problem.question])

    def misread(self, rng, problem, state):
        if problem.question is None:
            return _listed(_miscopied(rng, state))
        others = [n for n in state if n != state[problem.question]]
        return str(choose(rng, others))

    def ask(self, rng, problem):
        place, descending = problem.operations[0]
        question = "Which list results?"
        if problem.question is not None:
            question = f"Which number is {RANKS[problem.question]} at the end?"
        text = choose(rng, PHRASES).format(
            numbers=_listed(problem.start),
            order=ORDERS[descending],
            sorted=place,
            question=question,
        )
        return with_aside(rng, text)

    def say(self, move, style):
        return STEPS[style].format(move.operation, _listed(move.result))

    def clause(self, move):
        return f"inserting {move.operation} gives {_listed(move.result)}"

    def conclude(self, answer):
        return answer


def _target(numbers, place, number, descending):
    """Where the number goes: moving left from `place`, past all that should stand after it."""
    while place and (numbers[place - 1] < number if descending else numbers[place - 1] > number):
        place -= 1
    return place


def _moved(numbers, place, to):
    """The list with the number at `place` taken out and put back at `to`."""
    rest = numbers[:place] + numbers[place + 1 :]
    return (*rest[:to], numbers[place], *rest[to:])


def _miscopied(rng, numbers):
    """The list with two neighbours exchanged, or one number miscopied."""
    place = int(rng.integers(len(numbers)))
    if place and rng.random() < 0.5:
        return _moved(numbers, place, place - 1)
    return (*numbers[:place], miscopied(rng, numbers[place]), *numbers[place + 1 :])


def _listed(numbers):
    return ", ".join(map(str, numbers))
