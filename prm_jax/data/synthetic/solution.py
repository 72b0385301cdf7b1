"""One solution: the steps of a solver who works faithfully except for one planned mistake."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from prm_jax.data.synthetic import phrases
from prm_jax.data.synthetic.family import ErrorKind, Family, Move, Problem, true_states
from prm_jax.errors import InputError

AFTER_ERROR = ("mask", "zero", "local")


class Role(NamedTuple):
    """What a step is for.

    Fields:
        name: 'operation', 'check' (of the operation before it) or 'answer'.
        operation: number of the operation; for the answer, how many operations there are.
    """

    name: str
    operation: int


@dataclasses.dataclass(frozen=True)
class Mistake:
    """One planned error and what becomes of it.

    Fields:
        kind: the kind that is recorded.
        form: the single wrong step it starts with; equal to `kind` unless that is composite.
        role: the step at which it is made.
        wrong: the wrong `Move`, or the wrong answer (str) if the step is the answer.
        undone_at: for a lucky cancellation, the operation that undoes it, or the number of
            operations if the answer does.
        from_truth: that operation starts from the right state instead of the one written.
    """

    kind: ErrorKind
    form: ErrorKind
    role: Role
    wrong: Any
    undone_at: int | None = None
    from_truth: bool = False


class Step(NamedTuple):
    """A step before it is put into words.

    Fields:
        role: what it is for.
        claim: a `Move`, or the answer (str).
        repairs: it says that the step before it was wrong.
        right: it is right by itself, given the problem and the steps before it.
    """

    role: Role
    claim: Any
    repairs: bool
    right: bool


def roles_of(n_operations: int, checked: int | None) -> tuple[Role, ...]:
    """The roles of a solution's steps.

    Args:
        n_operations: number of operations.
        checked: the operation after which a check stands, None for no check.
    """
    roles = []
    for operation in range(n_operations):
        roles.append(Role("operation", operation))
        if operation == checked:
            roles.append(Role("check", operation))
    return (*roles, Role("answer", n_operations))


def work(family: Family, problem: Problem, roles, mistake: Mistake | None) -> list[Step] | None:
    """The steps of a solver who makes `mistake`, if any, and else follows from what is written.

    Returns:
        One `Step` per role, or None if the mistake cannot be carried through: a later operation
        cannot be done, a state leaves the problem's limits, or there is nothing to cancel.
    """
    state = before = problem.start
    steps: list[Step] = []
    for role in roles:
        if role.name == "answer":
            step = _conclude(family, problem, role, state, mistake)
        elif role.name == "check":
            step = _recheck(family, problem, role, before, steps[-1], mistake)
        else:
            before = state
            step = _operate(family, problem, role, state, mistake)
        if step is None:
            return None
        steps.append(step)
        state = step.claim.result if role.name != "answer" else state
    return steps


def _operate(family, problem, role, state, mistake):
    if mistake is not None and mistake.role == role:
        return Step(role, mistake.wrong, repairs=False, right=False)
    move = family.move(problem, role.operation, state)
    if move is None or mistake is None or mistake.undone_at != role.operation:
        return move and Step(role, move, repairs=False, right=True)
    states = true_states(family, problem)
    source = states[role.operation] if mistake.from_truth else state
    lucky = Move(source, move.operation, states[role.operation + 1])
    return Step(role, lucky, repairs=False, right=False) if lucky.result != move.result else None


def _recheck(family, problem, role, before, checked, mistake):
    if mistake is not None and mistake.role == role:
        repairs = mistake.kind == ErrorKind.FALSE_REPAIR
        return Step(role, mistake.wrong, repairs, right=False)
    if mistake is not None and mistake.kind == ErrorKind.SELF_CORRECTED and not checked.right:
        right_move = family.move(problem, role.operation, before)
        return right_move and Step(role, right_move, repairs=True, right=True)
    return checked._replace(role=role)


def _conclude(family, problem, role, state, mistake):
    answer = family.answer(problem, state)
    if mistake is not None and mistake.role == role:
        return Step(role, mistake.wrong, repairs=False, right=False)
    if mistake is not None and mistake.undone_at == role.operation:
        lucky = family.answer(problem, true_states(family, problem)[-1])
        return Step(role, lucky, repairs=False, right=False) if lucky != answer else None
    return Step(role, answer, repairs=False, right=True)


def write(rng: np.random.Generator, family: Family, steps) -> tuple[str, ...]:
    """Puts steps into words, in one phrasing for the whole solution."""
    style, texts = int(rng.integers(family.n_step_styles)), []
    for step in steps:
        if step.role.name == "answer":
            texts.append(phrases.answer(rng, family.conclude(step.claim)))
        elif step.role.name == "check":
            texts.append(phrases.recheck(rng, family.clause(step.claim), step.repairs))
        else:
            texts.append(phrases.remark(rng, family.say(step.claim, style)))
    return tuple(texts)


def label(steps, mistake: Mistake | None, after_error: str):
    """Labels of the steps under a policy for what follows the first error.

    Args:
        steps: from `work`.
        mistake: the mistake they contain, or None.
        after_error: 'mask' leaves steps after an error that was not repaired unlabelled, 'zero'
            labels them wrong, 'local' judges each by the steps before it.

    Returns:
        `(labels, first_error)`: a tuple of 1.0, 0.0 or None per step, and the index of the first
        wrong step counted from 0, -1 for none.

    Raises:
        InputError: no such policy.
    """
    if after_error not in AFTER_ERROR:
        raise InputError(
            f"{after_error!r} is not a policy",
            field="after_error",
            remedy=f"choose from {', '.join(AFTER_ERROR)}",
        )
    local = tuple(float(step.right) for step in steps)
    if mistake is None:
        return local, -1
    first = local.index(0.0)
    if after_error == "local" or mistake.kind == ErrorKind.SELF_CORRECTED:
        return local, first
    rest = None if after_error == "mask" else 0.0
    return local[: first + 1] + (rest,) * (len(local) - first - 1), first
