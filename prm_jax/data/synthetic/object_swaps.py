"""Object swaps: people hold objects, pairs swap, who holds what is written after each swap.

The state is a tuple of (person, object) pairs in a fixed order of people; an operation is a pair of
people. Harder levels have more people.
"""

from itertools import combinations

from prm_jax.data.synthetic.family import (
    COMPOSITE_WEIGHTS,
    ErrorKind,
    Family,
    Move,
    Problem,
    choose,
)

PEOPLE = {1: 3, 2: 3, 3: 4, 4: 5}
NAMES = ("Ava", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana")
OBJECTS = ("ball", "book", "key", "cup", "hat", "lamp", "pen", "coin")
PHRASES = (
    ("{holdings}. {swaps}. What does {person} have at the end?", ", then "),
    ("At first {holdings}. Then {swaps}. Which object does {person} end up with?", ", then "),
    ("{holdings}. In this order, {swaps}. What is in {person}'s hands now?", ", "),
)
STEPS = (
    "{0} and {1} swap: {2}.",
    "After {0} swaps with {1}, {2}.",
    "{0} trades with {1}. Now {2}.",
)


class ObjectSwaps(Family):
    """The family of swapped objects."""

    name = "object_swaps"
    n_step_styles = len(STEPS)
    weights = {
        ErrorKind.NO_SWAP: 1.0,
        ErrorKind.SWAPPED_WRONG_PAIR: 1.0,
        ErrorKind.WRONG_OPERAND: 1.0,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        people = tuple(str(name) for name in rng.permutation(NAMES)[: PEOPLE[level]])
        objects = tuple(str(name) for name in rng.permutation(OBJECTS)[: PEOPLE[level]])
        swaps: list[tuple[str, str]] = []
        for _ in range(n_operations):
            # The same pair twice running would undo itself.
            pairs = [p for p in combinations(people, 2) if not swaps or set(p) != set(swaps[-1])]
            pair = choose(rng, pairs)
            swaps.append(pair if rng.random() < 0.5 else pair[::-1])
        return Problem(tuple(zip(people, objects)), tuple(swaps), question=choose(rng, people))

    def key(self, problem):
        start = " ".join(f"{name}:{held}" for name, held in sorted(problem.start))
        swaps = " ".join(f"{a}/{b}" for a, b in map(sorted, problem.operations))
        return f"{start} {swaps} {problem.question}"

    def move(self, problem, index, state):
        pair = problem.operations[index]
        return Move(state, pair, _swapped(state, pair))

    def corrupt(self, rng, kind, problem, index, state):
        pair = problem.operations[index]
        true = _swapped(state, pair)
        others = [p for p in combinations(dict(state), 2) if set(p) != set(pair)]
        result = true
        match kind:
            case ErrorKind.NO_SWAP:
                result = state
            case ErrorKind.SWAPPED_WRONG_PAIR:
                result = _swapped(state, choose(rng, others))
            case ErrorKind.WRONG_OPERAND:
                pair = choose(rng, others)
                result = _swapped(state, pair)
            case ErrorKind.COPIED_WRONG_VALUE:
                result = _swapped(true, choose(rng, others))
            case _:
                return None
        return Move(state, pair, result) if result != true else None

    def answer(self, problem, state):
        return dict(state)[problem.question]

    def misread(self, rng, problem, state):
        return choose(rng, [held for person, held in state if person != problem.question])

    def ask(self, rng, problem):
        text, joint = choose(rng, PHRASES)
        *most, last = [f"{person} has the {held}" for person, held in problem.start]
        return text.format(
            holdings=f"{', '.join(most)} and {last}",
            swaps=joint.join(f"{a} and {b} swap" for a, b in problem.operations),
            person=problem.question,
        )

    def say(self, move, style):
        return STEPS[style].format(*move.operation, _listed(move.result))

    def clause(self, move):
        return "{} and {} swap, so {}".format(*move.operation, _listed(move.result))

    def conclude(self, answer):
        return f"the {answer}"


def _swapped(state, pair):
    held = dict(state)
    a, b = pair
    held[a], held[b] = held[b], held[a]
    return tuple(held.items())


def _listed(state):
    (person, held), *rest = state
    return ", ".join((f"{person} has {held}", *(f"{name} {thing}" for name, thing in rest)))
