"""Drawing a mistake of a wanted kind at a wanted step."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from prm_jax.data.synthetic.family import COMPOSITE, ErrorKind, Family, Problem, true_states
from prm_jax.data.synthetic.solution import Mistake, Role, work
from prm_jax.errors import InputError

# Draws of one kind at one step of one problem before it counts as impossible there.
PROPOSALS = 6


def propose(
    rng: np.random.Generator, family: Family, problem: Problem, roles, role: Role, kind: ErrorKind
) -> Mistake | None:
    """Draws a mistake of the given kind at the given step.

    Returns:
        A mistake that `work` can carry through, or None if none was found.
    """
    if not possible(roles, role, kind):
        return None
    states = true_states(family, problem)
    singles = {form: weight for form, weight in family.weights.items() if form not in COMPOSITE}
    for _ in range(PROPOSALS):
        form = weighted(rng, singles) if kind in COMPOSITE else kind
        wrong: Any
        if role.name == "answer":
            wrong = family.misread(rng, problem, states[-1])
        else:
            wrong = family.corrupt(rng, form, problem, role.operation, states[role.operation])
        if wrong is None:
            continue
        mistake = Mistake(kind, form, role, wrong)
        if kind == ErrorKind.LUCKY_CANCELLATION:
            later = int(rng.integers(role.operation + 1, len(problem.operations) + 1))
            slips = bool(rng.random() < 0.5)
            mistake = dataclasses.replace(mistake, undone_at=later, from_truth=not slips)
        if work(family, problem, roles, mistake) is not None:
            return mistake
    return None


def possible(roles, role: Role, kind: ErrorKind) -> bool:
    """Whether a step of this role can hold this kind of error at all."""
    match kind:
        case ErrorKind.SELF_CORRECTED:
            return role.name == "operation" and Role("check", role.operation) in roles
        case ErrorKind.FALSE_REPAIR:
            return role.name == "check"
        case ErrorKind.LUCKY_CANCELLATION:
            return role.name == "operation"
        case _:
            return role.name != "answer" or kind == ErrorKind.COPIED_WRONG_VALUE


def weights_of(
    family: Family, kinds: Sequence[str] | Mapping[str, float] | None
) -> Mapping[ErrorKind, float]:
    """The weights of the kinds of error to make.

    Args:
        family: whose kinds are meant.
        kinds: names, equally often; or weights by name; or None for the family's own weights.

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


def weighted(rng: np.random.Generator, weights):
    """One key of `weights`, drawn in proportion to its value."""
    names, shares = list(weights), np.array(list(weights.values()), dtype=np.float64)
    place = np.searchsorted(np.cumsum(shares), rng.random() * shares.sum(), side="right")
    return names[min(int(place), len(names) - 1)]
