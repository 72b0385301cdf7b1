"""Which trajectories are packed into one row together, because a loss or a score compares them.

unit         parts                                                      for
trajectory   one                                                        losses of steps
pair         a right and a wrong solution of one problem                losses of preferences
directions   a solution, and its steps in reverse order                 bidirectional scores
mismatched   a solution, and its problem with another problem's steps   the baseline of KTO
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from prm_jax.data.overlap import normalize
from prm_jax.data.reversed_steps import reverse_steps
from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.text.convention import StepConvention
from prm_jax.text.encode import Encoded, encode, join

UNITS = ("trajectory", "pair", "directions", "mismatched")
OF_OTHERS = ("pair", "mismatched")
"""Units whose parts come from other trajectories of the source too."""


def encode_unit(
    trajectory,
    tokenizer,
    convention,
    max_length,
    *,
    supervise: str = "steps",
    unit: str = "trajectory",
) -> Encoded:
    """A trajectory as a model reads it, in both directions if the unit says so.

    Args:
        trajectory, tokenizer, convention, max_length, supervise: as in `text.encode`.
        unit: 'directions' adds the reversed steps as an unlabelled part whose steps keep their
            numbers; any other reads the trajectory alone.

    Returns:
        `Encoded`.

    Raises:
        InputError: from `text.encode`.
    """
    if unit != "directions":
        return encode(trajectory, tokenizer, convention, max_length, supervise=supervise)
    (numbered, backward), plain = both_directions(trajectory, convention)
    first = encode(numbered, tokenizer, plain, max_length, supervise=supervise)
    second = encode(backward, tokenizer, plain, max_length, supervise="nothing")
    numbers = second.n_steps - 1 - np.arange(len(second.step_positions))
    return join([first, dataclasses.replace(second, step_index=numbers)])


def make_units(trajectories: Sequence[Trajectory], unit: str) -> list[tuple[int, int]]:
    """The trajectories of each unit whose parts are other trajectories of the same source.

    Args:
        trajectories: of one source.
        unit: 'pair' or 'mismatched'.

    Returns:
        Pairs of places in `trajectories`. Of a problem with right and wrong solutions, by outcome
        and by the problem's normalised text, the fewer ones are taken again until each solution is
        in a pair, the right one first; other problems give none.

    Raises:
        InputError: an outcome is missing, or there is no other problem to take steps from.
    """
    problems = [normalize(trajectory.problem) for trajectory in trajectories]
    if unit == "mismatched":
        return [(place, _of_another(place, problems)) for place in range(len(trajectories))]
    sides: dict[str, tuple[list[int], list[int]]] = {}
    for place, (trajectory, problem) in enumerate(zip(trajectories, problems)):
        if trajectory.outcome is None:
            raise InputError(
                f"trajectory {trajectory.id or trajectory.problem[:40]!r} has no outcome",
                field="outcome",
                remedy="pairs are made of right and wrong solutions of a problem",
            )
        sides.setdefault(problem, ([], []))[trajectory.outcome < 0.5].append(place)
    pairs = []
    for right, wrong in sides.values():
        if right and wrong:
            n = max(len(right), len(wrong))
            pairs += [(right[i % len(right)], wrong[i % len(wrong)]) for i in range(n)]
    return pairs


def with_steps_of(trajectory: Trajectory, other: Trajectory) -> Trajectory:
    """A problem with the steps of another one's solution, unlabelled."""
    return dataclasses.replace(
        trajectory, steps=other.steps, labels=None, first_error=None, outcome=None, meta={}
    )


def both_directions(trajectory: Trajectory, convention: StepConvention):
    """A trajectory and the same with its steps reversed, as BiPRM reads them (arXiv:2508.01682).

    Args:
        trajectory: any.
        convention: how steps are marked.

    Returns:
        `((trajectory, reversed trajectory), convention)`: the texts of the steps hold what the
        convention writes around them, so that a number goes with its step; the convention returned
        writes nothing more.
    """
    steps = tuple(
        convention.step.replace("{number}", str(number)).replace("{step}", step)
        for number, step in enumerate(trajectory.steps, 1)
    )
    numbered = dataclasses.replace(trajectory, steps=steps)
    return (numbered, reverse_steps(numbered)), dataclasses.replace(convention, step="{step}")


def _of_another(place, problems):
    """The next place whose problem is another one."""
    for shift in range(1, len(problems)):
        other = (place + shift) % len(problems)
        if problems[other] != problems[place]:
            return other
    raise InputError(
        "all trajectories of a source have the same problem",
        field="data.train",
        remedy="steps of other problems are needed",
    )
