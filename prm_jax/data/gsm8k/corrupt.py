"""Wrong solutions from right ones: which step, which error, and the labels."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from prm_jax.data.gsm8k.balance import balanced, look_of
from prm_jax.data.gsm8k.carry import carry
from prm_jax.data.gsm8k.errors import KINDS, wrong_ways
from prm_jax.data.gsm8k.solution import NUMBER, Solution, parse, value_of
from prm_jax.data.synthetic.family import ErrorKind
from prm_jax.data.synthetic.mistakes import weighted
from prm_jax.data.synthetic.solution import AFTER_ERROR
from prm_jax.data.synthetic.splits import check_split, split_of
from prm_jax.data.synthetic.trajectories import check_count, generator
from prm_jax.errors import InputError
from prm_jax.records import Trajectory


class _Error(NamedTuple):
    """One wrong way to write a step, with the steps and the answer that follow from it."""

    kind: ErrorKind
    look: tuple
    steps: tuple[str, ...]
    answer: str


class _Case(NamedTuple):
    """A right trajectory with the errors that each of its steps can get; steps with none left out.

    Fields:
        right: the trajectory.
        errors: step -> list of `_Error`.
        looks: step -> how it looks when it is right.
    """

    right: Trajectory
    errors: dict[int, list[_Error]]
    looks: dict[int, tuple]


def corrupt_gsm8k(
    trajectories: Sequence[Trajectory],
    n_per_problem: int,
    seed: int,
    *,
    error_rate: float = 0.5,
    kinds: Sequence[str] | Mapping[str, float] | None = None,
    after_error: str = "mask",
    split: str | None = None,
) -> list[Trajectory]:
    """Solutions of which a share has one wrong step, whose consequences the later steps carry.

    Errors are made where a line writes out its computation, and only where all that follows from
    them can be computed anew. Steps that can get no error are not labelled, solutions without any
    other step are left out: a step that is never wrong would tell its label. How often each error
    is made depends on the whole list, so that wrong steps look like right ones (`balance`).

    Args:
        trajectories: right solutions as `formats.read(path, format="gsm8k")` gives them.
        n_per_problem: variants of each, with an error or without.
        seed: 0 or more.
        error_rate: share of variants with a wrong step, in [0, 1).
        kinds: names of the kinds of error, equally often, or weights by name; None for all of
            `KINDS`. What is not balanced by the kinds that are chosen stays visible.
        after_error: label of the steps after the error: 'mask' (None), 'zero' or 'local' (they
            follow from it, so 1).
        split: 'train', 'validation' or 'test' for problems of that split only.

    Returns:
        List of `Trajectory` with labels, first_error, outcome, answer, gold and id, the variants
        of a problem one after the other with the problem's id as `group`. `meta` holds key and,
        where there is an error, error_kind and error_step.

    Raises:
        InputError: an argument is out of range, or no error can be made in any solution.
    """
    check_count("n_per_problem", n_per_problem)
    check_split(split)
    weights = _weights(kinds)
    if after_error not in AFTER_ERROR:
        raise InputError(
            f"{after_error!r} is not a policy",
            field="after_error",
            remedy=f"choose from {', '.join(AFTER_ERROR)}",
        )
    chosen = [t for t in trajectories if split is None or split_of(t.problem) == split]
    cases = [case for case in (_case(t, seed, weights) for t in chosen) if case]
    if not cases:
        raise InputError(
            "no error of these kinds can be made in these solutions",
            field="trajectories",
            remedy="read solutions with their calculator marks: formats.read(path, format='gsm8k')",
        )
    chances = _chances(cases, weights)
    hazard = _hazard([len(case.errors) for case in cases], error_rate)
    rows = []
    for case, chance in zip(cases, chances):
        for variant in range(n_per_problem):
            rng = generator(seed, "gsm8k", case.right.problem, variant)
            step = next((step for step in case.errors if rng.random() < hazard), None)
            error = None
            if step is not None:
                error = weighted(rng, dict(zip(case.errors[step], chance[step])))
            rows.append(_assemble(case, variant, step, error, after_error))
    return rows


def _weights(kinds):
    named = dict(kinds) if isinstance(kinds, Mapping) else dict.fromkeys(kinds or KINDS, 1.0)
    unknown = [kind for kind in named if kind not in KINDS]
    if unknown or not any(weight > 0 for weight in named.values()):
        raise InputError(
            f"{unknown[0]!r} is not a kind" if unknown else "no kind has a positive weight",
            field="kinds",
            remedy=f"choose from {', '.join(KINDS)}",
        )
    return {ErrorKind(kind): float(weight) for kind, weight in named.items() if weight > 0}


def _hazard(lengths, error_rate):
    """Chance of an error at each step before which there is none.

    It is the same for all steps, so that neither position nor anything in the right text tells;
    solutions with more steps are wrong more often instead.
    """
    if not 0 <= error_rate < 1:
        raise InputError(
            f"{error_rate} is not in [0, 1)", field="error_rate", remedy="use a share below 1"
        )
    counts, low, high = np.array(lengths), 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        share = np.mean(1 - (1 - middle) ** counts)
        low, high = (middle, high) if share < error_rate else (low, middle)
    return low


def _case(right, seed, weights):
    """The errors that a solution can get, None if there are none."""
    marked = right.meta.get("marked_steps")
    solution = parse(right.problem, marked, right.gold) if marked and right.gold else None
    if solution is None:
        return None
    rng = generator(seed, "gsm8k", right.problem)
    errors, looks = {}, {}
    known = set(solution.given)
    for index, line in enumerate(solution.lines):
        if line.equation:
            found = list(_errors(rng, solution, index, sorted(known), weights, right.gold))
            if found:
                errors[index] = found
                looks[index] = look_of(line.equation.pieces, line.equation.result)
        known |= {value for _, value in line.marks}
    return _Case(right, errors, looks) if errors else None


def _errors(rng, solution: Solution, index, known, weights, gold):
    equation = solution.lines[index].equation
    seen = set()
    for kind in weights:
        for pieces, result in wrong_ways(rng, kind, equation, known):
            carried = carry(solution, index, pieces, result)
            if carried and carried[0] not in seen:
                seen.add(carried[0])
                answer = gold if carried[1] == solution.answer else _text(carried[0], carried[1])
                if answer:
                    yield _Error(kind, look_of(pieces, result), carried[0], answer)


def _text(steps, value):
    """A number as the last step that mentions it writes it, None if none does."""
    for step in reversed(steps):
        for number in reversed(NUMBER.findall(step)):
            if value_of(number) == value:
                return number
    return None


def _chances(cases, weights):
    """Chances of the errors at each step: per case a dict of step -> array."""
    places = [(case, step) for case in cases for step in case.errors]
    shares = []
    for case, step in places:
        kinds = [error.kind for error in case.errors[step]]
        shares.append([weights[kind] / kinds.count(kind) for kind in kinds])
    fitted = iter(
        balanced(
            [case.looks[step] for case, step in places],
            [[error.look for error in case.errors[step]] for case, step in places],
            shares,
        )
    )
    return [{step: next(fitted) for step in case.errors} for case in cases]


def _assemble(case, variant, step, error, after_error):
    right = case.right
    meta = {"key": right.problem}
    if error is not None:
        meta |= {"error_kind": str(error.kind), "error_step": step}
    rest = {"mask": None, "zero": 0.0, "local": 1.0}[after_error]
    labels = [1.0 if index in case.errors else None for index in range(len(right.steps))]
    if error is not None:
        labels[step] = 0.0
        labels[step + 1 :] = [None if label is None else rest for label in labels[step + 1 :]]
    answer = error.answer if error else right.answer
    return Trajectory(
        problem=right.problem,
        steps=error.steps if error else right.steps,
        labels=tuple(labels),
        first_error=step if error else -1,
        outcome=float(answer == right.gold),
        answer=answer,
        gold=right.gold,
        id=f"{right.id}-{variant}",
        group=right.id,
        source="gsm8k_errors",
        meta=meta,
    )
