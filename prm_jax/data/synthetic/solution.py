"""One solution: the steps a solver writes who works faithfully except for one planned mistake."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from prm_jax.data.synthetic import phrases
from prm_jax.data.synthetic.family import (
    COMPOSITE,
    ErrorKind,
    Family,
    Move,
    Problem,
    true_states,
)
from prm_jax.errors import InputError

AFTER_ERROR = ("mask", "zero", "local")
# Draws of one kind at one step before it counts as impossible there.
PROPOSALS = 20


class Role(NamedTuple):
    """What a step is for: 'operation' number `index`, the 'check' of that operation, or the 'answer'."""

    name: str
    index: int


@dataclasses.dataclass(frozen=True)
class Mistake:
    """One planned error and what becomes of it.

    Fields:
        kind: the kind that is recorded.
        form: the single wrong step it starts with; equal to `kind` unless that is composite.
        role: the step at which it is made.
        wrong: the wrong `Move`, or the wrong answer (str) if the step is the answer.
        undone_at: for a lucky cancellation, the operation (or the number of operations, for the answer) that undoes it.
        from_truth: that operation starts from the right value instead of slipping from the wrong one.
    """

    kind: ErrorKind
    form: ErrorKind
    role: Role
    wrong: Any
    undone_at: int | None = None
    from_truth: bool = False


class Step(NamedTuple):
    """One step before it is put into words: its claim, whether it repairs, and whether it is right by itself."""

    role: Role
    claim: Any
    repairs: bool
    right: bool


def roles_of(n_operations, checked):
    """The roles of a solution's steps.

    Args:
        n_operations: number of operations.
        checked: the operation after which a check stands, None for no check.
    """
    roles = []
    for index in range(n_operations):
        roles.append(Role("operation", index))
        if index == checked:
            roles.append(Role("check", index))
    return (*roles, Role("answer", n_operations))


def propose(
    rng: np.random.Generator, family: Family, problem: Problem, roles, role: Role, kind: ErrorKind
) -> Mistake | None:
    """Draws a mistake of the given kind at the given step.

    Returns:
        A mistake that `work` can carry through, or None if none was found.
    """
    states = true_states(family, problem)
    forms = {form: weight for form, weight in family.weights.items() if form not in COMPOSITE}
    if kind == ErrorKind.SELF_CORRECTED and (
        role.name != "operation" or Role("check", role.index) not in roles
    ):
        return None
    if kind == ErrorKind.FALSE_REPAIR and role.name != "check":
        return None
    if kind == ErrorKind.LUCKY_CANCELLATION and role.name != "operation":
        return None
    for _ in range(PROPOSALS):
        form = kind if kind not in COMPOSITE else weighted(rng, forms)
        if role.name == "answer":
            if form != ErrorKind.COPIED_WRONG_VALUE:
                return None
            wrong = family.misread(rng, problem, states[-1])
        else:
            wrong = family.corrupt(rng, form, problem, role.index, states[role.index])
        if wrong is None:
            continue
        mistake = Mistake(kind, form, role, wrong)
        if kind == ErrorKind.LUCKY_CANCELLATION:
            later = int(rng.integers(role.index + 1, len(problem.operations) + 1))
            mistake = dataclasses.replace(
                mistake, undone_at=later, from_truth=bool(rng.random() < 0.5)
            )
        if work(family, problem, roles, mistake) is not None:
            return mistake
    return None


def work(family: Family, problem: Problem, roles, mistake: Mistake | None):
    """The steps of a solver who makes `mistake`, if any, and otherwise follows from what was written before.

    Returns:
        A list of `Step`, or None if the mistake cannot be carried through: a later operation cannot be done, a state
        leaves the problem's limits, or a cancellation finds nothing to cancel.
    """
    states = true_states(family, problem)
    state, before, last = problem.start, problem.start, True
    steps: list[Step] = []
    for role in roles:
        here = mistake is not None and mistake.role == role
        undoes = mistake is not None and role.name != "check" and mistake.undone_at == role.index
        repairs = False
        if role.name == "answer":
            claim, last = family.answer(problem, state), not (here or undoes)
            if here:
                claim = mistake.wrong
            elif undoes:
                if states[-1] == state:
                    return None
                claim = family.answer(problem, states[-1])
            steps.append(Step(role, claim, repairs, last))
            return steps
        if role.name == "check":
            claim = mistake.wrong if here else steps[-1].claim
            repairs = here and mistake.kind == ErrorKind.FALSE_REPAIR
            last = last and not here
            if mistake is not None and mistake.kind == ErrorKind.SELF_CORRECTED and not last:
                claim, repairs, last = family.move(problem, role.index, before), True, True
        else:
            before, claim, last = state, family.move(problem, role.index, state), True
            if here:
                claim, last = mistake.wrong, False
            elif undoes:
                true = states[role.index + 1]
                if claim is None or claim.result == true:
                    return None
                source = states[role.index] if mistake.from_truth else claim.source
                claim, last = Move(source, claim.operation, true), False
        if claim is None:
            return None
        state = claim.result
        steps.append(Step(role, claim, repairs, last))
    raise AssertionError("a solution ends with its answer")


def write(rng: np.random.Generator, family: Family, problem: Problem, steps):
    """Puts steps into words, in one step style for the whole solution.

    Returns:
        A tuple of texts, one per step.
    """
    style, texts = int(rng.integers(family.n_step_styles)), []
    for step in steps:
        if step.role.name == "answer":
            texts.append(phrases.answer(rng, family.conclude(step.claim)))
        elif step.role.name == "check":
            texts.append(phrases.recheck(rng, family.clause(step.claim), step.repairs))
        else:
            sentence = family.say(problem, step.role.index, step.claim, style)
            texts.append(phrases.remark(rng, sentence))
    return tuple(texts)


def label(steps, mistake, after_error):
    """Labels of the steps under a policy for what follows the first error.

    Args:
        steps: from `work`.
        mistake: the mistake they contain, or None.
        after_error: 'mask' leaves steps after an error that was not repaired unlabelled, 'zero' labels them wrong,
            'local' judges each by the step before it.

    Returns:
        `(labels, first_error)`: a tuple of 1.0, 0.0 or None per step, and an index counted from 0, -1 for none.

    Raises:
        InputError: no such policy.
    """
    if after_error not in AFTER_ERROR:
        raise InputError(
            f"{after_error!r} is not a policy",
            field="after_error",
            remedy=f"choose from {', '.join(AFTER_ERROR)}",
        )
    local = [float(step.right) for step in steps]
    if mistake is None:
        return tuple(local), -1
    first = local.index(0.0)
    if after_error == "local" or mistake.kind == ErrorKind.SELF_CORRECTED:
        return tuple(local), first
    rest = None if after_error == "mask" else 0.0
    return (*local[: first + 1], *[rest] * (len(local) - first - 1)), first


def weighted(rng, weights):
    """One key of `weights`, drawn in proportion to its value."""
    names, shares = list(weights), np.array(list(weights.values()), dtype=np.float64)
    place = np.searchsorted(np.cumsum(shares), rng.random() * shares.sum(), side="right")
    return names[min(int(place), len(names) - 1)]
