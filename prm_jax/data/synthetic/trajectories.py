"""Step-labelled trajectories, each drawn from its own random generator."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from prm_jax.data.synthetic.family import OPERATION_COUNTS, choose, levels_of, true_states
from prm_jax.data.synthetic.mistakes import possible, propose, weighted, weights_of
from prm_jax.data.synthetic.positions import first_error_probabilities
from prm_jax.data.synthetic.registry import families_of
from prm_jax.data.synthetic.solution import label, roles_of, work, write
from prm_jax.data.synthetic.splits import check_split, split_of
from prm_jax.errors import InputError
from prm_jax.records import Trajectory

# Problems on which a kind is tried before another takes its place, and steps tried in all.
PROBLEMS = 8
STEPS = 200


def make_trajectories(
    family: str | Sequence[str],
    n: int,
    seed: int,
    *,
    difficulty: int | Sequence[int] = 2,
    error_rate: float = 0.5,
    kinds: Sequence[str] | Mapping[str, float] | None = None,
    check_rate: float = 0.3,
    after_error: str = "mask",
    split: str | None = None,
) -> list[Trajectory]:
    """Step-labelled solutions, one a problem.

    An item depends on the options, the seed, its family and its number within the family, and on
    nothing else: the first 100 of 1000 are the 100 of a call with n = 100.

    Args:
        family: name of a family, or several names, of which the items take turns.
        n: number of trajectories.
        seed: 0 or more.
        difficulty: level from 1 to 4 (number of operations, size of numbers, depth of the stack,
            number of people), or several levels of which each item draws one.
        error_rate: share of trajectories with a wrong step, in [0, 1); the same whatever the
            number of steps.
        kinds: the kinds of error to make (see `ErrorKind`), equally often, or by weight; None for
            the family's own weights. Without 'copied_wrong_value' no answer step is ever wrong.
        check_rate: share of trajectories with a step that checks the one before.
        after_error: label of steps after an error that was not repaired: 'mask' (None), 'zero' or
            'local' (right if it follows from the steps before). First errors are placed for 'mask',
            so that the position of a labelled step says nothing about its label.
        split: 'train', 'validation' or 'test' for problems of that split only (see `split_of`).

    Returns:
        List of `Trajectory` with labels, first_error, outcome, answer, gold and id. `meta` holds
        family, difficulty, key (the problem without its phrasing) and, where there is an error,
        error_kind, error_form (the single wrong step that a composite kind starts with) and
        error_step.

    Raises:
        InputError: an argument that does not exist or is out of range.
    """
    families, levels = families_of(family), levels_of(difficulty)
    check_count("n", n)
    probabilities = first_error_probabilities(length_probabilities(levels, check_rate), error_rate)
    items = []
    for number in range(n):
        member = families[number % len(families)]
        index = number // len(families)
        # Splits must not share draws: with one seed item 7 of each would go wrong at one place.
        rng = generator(seed, member.name, *([split] if split else []), index)
        level, n_operations = draw_size(rng, levels)
        roles = draw_roles(rng, n_operations, check_rate)
        wrong_t = probabilities[len(roles)] if rng.random() < error_rate else None
        weights = weights_of(member, kinds)
        problem, mistake = draw_attempt(rng, member, level, roles, wrong_t, weights, split)
        items.append(
            assemble(
                rng,
                member,
                problem,
                roles,
                mistake,
                after_error,
                text=member.ask(rng, problem),
                level=level,
                id=name_of(member, split, seed, index),
            )
        )
    return items


def draw_attempt(rng, family, level, roles, wrong_t, weights, split):
    """A problem and, unless `wrong_t` is None, a mistake at a step drawn by `wrong_t`.

    A kind that the problem at hand does not allow is tried on others first: kinds that few
    problems allow would otherwise be rare, whatever their weight.
    """
    n_operations = roles[-1].operation
    if wrong_t is None:
        return draw_problem(rng, family, level, n_operations, split), None
    for _ in range(STEPS):
        role = roles[weighted(rng, dict(enumerate(wrong_t)))]
        left = {kind: weight for kind, weight in weights.items() if possible(roles, role, kind)}
        while left:
            kind = weighted(rng, left)
            del left[kind]
            for _ in range(PROBLEMS):
                problem = draw_problem(rng, family, level, n_operations, split)
                mistake = propose(rng, family, problem, roles, role, kind)
                if mistake is not None:
                    return problem, mistake
    raise InputError(
        f"{family.name} at level {level} allows no {', '.join(weights)} in {len(roles)} steps",
        field="kinds",
        remedy="add kinds; self_corrected and false_repair by themselves need check_rate=1",
    )


def draw_size(rng, levels):
    """A level and a number of operations."""
    level = choose(rng, levels)
    low, high = OPERATION_COUNTS[level]
    return level, int(rng.integers(low, high + 1))


def draw_roles(rng, n_operations, check_rate):
    """The roles of a solution's steps, with a check or without."""
    checked = int(rng.integers(n_operations)) if rng.random() < check_rate else None
    return roles_of(n_operations, checked)


def length_probabilities(levels, check_rate):
    """Probability of each number of steps under `draw_size` and `draw_roles`.

    Returns:
        Dict of number of steps (operations, a check at times, the answer) -> probability.
    """
    check_share("check_rate", check_rate)
    found: dict[int, float] = {}
    for level in levels:
        low, high = OPERATION_COUNTS[level]
        for n_operations in range(low, high + 1):
            share = 1 / len(levels) / (high - low + 1)
            for extra, probability in ((1, 1 - check_rate), (2, check_rate)):
                if probability:
                    n_steps = n_operations + extra
                    found[n_steps] = found.get(n_steps, 0.0) + share * probability
    return found


def draw_problem(rng, family, level, n_operations, split):
    """A problem of the family that belongs to `split` (any if None)."""
    check_split(split)
    while True:
        problem = family.draw(rng, level, n_operations)
        if split is None or split_of(key_of(family, problem)) == split:
            return problem


def assemble(rng, family, problem, roles, mistake, after_error, *, text, level, id, group=None):
    """Works out, words and labels one solution of the problem stated in `text`."""
    steps: Any = work(family, problem, roles, mistake)
    labels, first_error = label(steps, mistake, after_error)
    answer = steps[-1].claim
    gold = family.answer(problem, true_states(family, problem)[-1])
    meta = {"family": family.name, "difficulty": level, "key": key_of(family, problem)}
    if mistake is not None:
        meta |= {
            "error_kind": str(mistake.kind),
            "error_form": str(mistake.form),
            "error_step": first_error,
        }
    return Trajectory(
        problem=text,
        steps=write(rng, family, steps),
        labels=labels,
        first_error=first_error,
        outcome=float(answer == gold),
        answer=answer,
        gold=gold,
        id=id,
        group=group,
        source="synthetic",
        meta=meta,
    )


def key_of(family, problem):
    """The problem in one line whatever its phrasing; its split is decided by it."""
    return f"{family.name}: {family.key(problem)}"


def name_of(family, split, seed, *numbers):
    """The id of an item."""
    return "-".join(map(str, (family.name, *([split] if split else []), seed, *numbers)))


def generator(seed, *names):
    """A numpy generator that depends on the seed and the names only."""
    check_count("seed", seed)
    digest = hashlib.sha256(repr(names).encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest[:16], dtype="<u4").tolist()])


def check_count(field, value):
    """Raises InputError unless `value` is a whole number of 0 or more."""
    if not isinstance(value, int | np.integer) or value < 0:
        raise InputError(f"{value!r} is not a whole number of 0 or more", field=field)


def check_share(field, value):
    """Raises InputError unless `value` is in [0, 1]."""
    if not 0 <= value <= 1:
        raise InputError(f"{value!r} is not a share", field=field, remedy="give 0 to 1")
