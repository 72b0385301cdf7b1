"""Step-labelled trajectories, drawn from a family, each item from its own random generator."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from prm_jax.data.synthetic.family import (
    OPERATION_COUNTS,
    ErrorKind,
    choose,
    levels_of,
    true_states,
)
from prm_jax.data.synthetic.positions import first_error_probabilities
from prm_jax.data.synthetic.registry import families_of
from prm_jax.data.synthetic.solution import label, propose, roles_of, weighted, work, write
from prm_jax.data.synthetic.splits import check_split, split_of
from prm_jax.errors import InputError
from prm_jax.records import Trajectory

# Problems and steps tried until one allows a mistake of the kinds asked for.
ATTEMPTS = 200


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

    An item depends on the seed, its family and its number within the family, and on nothing else: the first 100 of
    1000 are the 100 of a call with n = 100.

    Args:
        family: name of a family, or several names, of which the items take turns.
        n: number of trajectories.
        seed: 0 or more.
        difficulty: level from 1 to 4 (number of operations, size of numbers, depth, number of people), or several
            levels of which each item draws one.
        error_rate: share of trajectories with a wrong step; the same for every number of steps.
        kinds: the kinds of error to make (see `ErrorKind`), equally often or by weight; None for the family's own
            weights. With a choice that leaves some steps without an error that could happen there, such as the answer,
            which can only be miscopied, the hazard is no longer the same for every step.
        check_rate: share of trajectories with a step that checks the one before.
        after_error: label of steps after an error that was not repaired: 'mask' (None), 'zero' (0) or 'local' (right
            if it follows from the step before). First errors are placed for 'mask': only with it does the position of
            a labelled step say nothing about its label.
        split: 'train', 'validation' or 'test' to take only problems of that split (see `split_of`); None for all.

    Returns:
        List of `Trajectory` with labels, first_error, outcome, answer, gold, id and, in `meta`, family, difficulty,
        key (the problem without its phrasing) and, where there is an error, error_kind, error_form (the single wrong
        step that a composite kind starts with) and error_step.

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
        rng = generator(seed, member.name, index)
        level, n_operations = draw_size(rng, levels)
        roles = draw_roles(rng, n_operations, check_rate)
        wrong_t = probabilities[len(roles)] if rng.random() < error_rate else None
        problem, mistake = draw_attempt(
            rng, member, level, roles, wrong_t, weights_of(member, kinds), split
        )
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
                id="-".join(map(str, (member.name, *([split] if split else []), seed, index))),
            )
        )
    return items


def draw_attempt(rng, family, level, roles, wrong_t, weights, split):
    """A problem and, unless `wrong_t` is None, a mistake at a step drawn by `wrong_t`."""
    n_operations = roles[-1].index
    for _ in range(ATTEMPTS):
        problem = draw_problem(rng, family, level, n_operations, split)
        if wrong_t is None:
            return problem, None
        role = roles[weighted(rng, dict(enumerate(wrong_t)))]
        mistake = draw_mistake(rng, family, problem, roles, role, weights)
        if mistake is not None:
            return problem, mistake
    raise InputError(
        f"no step of {ATTEMPTS} problems of {family.name} allows {', '.join(weights)}",
        field="kinds",
        remedy="add kinds, raise check_rate for the kinds that need a check",
    )


def weights_of(family, kinds):
    """The weights of the kinds of error to make.

    Raises:
        InputError: a kind that the family does not have, or no kind with a positive weight.
    """
    if kinds is None:
        return family.weights
    weights = dict(kinds) if isinstance(kinds, Mapping) else dict.fromkeys(kinds, 1.0)
    unknown = [kind for kind in weights if kind not in family.weights]
    if unknown or not any(weight > 0 for weight in weights.values()):
        raise InputError(
            f"{family.name} has no {unknown[0]!r}" if unknown else "no kind has a positive weight",
            field="kinds",
            remedy=f"choose from {', '.join(family.weights)}",
        )
    return {ErrorKind(kind): weight for kind, weight in weights.items() if weight > 0}


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
    """Probability of each number of steps under `draw_size` and `draw_roles`: the operations, a check at times, the answer."""
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
        if split is None or split_of(problem_key(family, problem)) == split:
            return problem


def draw_mistake(rng, family, problem, roles, role, weights):
    """A mistake at the given step, of a kind drawn by weight among those possible there, or None."""
    left = dict(weights)
    while left:
        kind = weighted(rng, left)
        mistake = propose(rng, family, problem, roles, role, kind)
        if mistake is not None:
            return mistake
        del left[kind]
    return None


def assemble(rng, family, problem, roles, mistake, after_error, *, text, level, id, group=None):
    """Works out, words and labels one solution."""
    steps = work(family, problem, roles, mistake)
    labels, first_error = label(steps, mistake, after_error)
    answer = steps[-1].claim
    gold = family.answer(problem, true_states(family, problem)[-1])
    meta = {"family": family.name, "difficulty": level, "key": problem_key(family, problem)}
    if mistake is not None:
        meta |= {
            "error_kind": str(mistake.kind),
            "error_form": str(mistake.form),
            "error_step": first_error,
        }
    return Trajectory(
        problem=text,
        steps=write(rng, family, problem, steps),
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


def problem_key(family, problem):
    """The problem in one line without its phrasing; `split_of` decides by it."""
    return f"{family.name}: {problem.key}"


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
