"""Consecutive steps merged into one, the coarse examples of hierarchical reward models (HRM).

Source: the released code of HRM for step labels, whose training set is the single steps and, for
every step with one before it, an example of two merged steps:

    context     steps before the merged ones, each still a step of its own
    merged      step t-1 "\\n\\n" step t
    label       that of step t, whatever step t-1 is: a repaired error is a right pair
"""

import dataclasses

from prm_jax.errors import InputError
from prm_jax.records import Trajectory

JOINER = "\n\n"


def merge_last_steps(
    trajectory: Trajectory, end: int, window: int = 2, joiner: str = JOINER
) -> Trajectory:
    """The trajectory up to step `end`, its last steps merged into one.

    Args:
        trajectory: any.
        end: index of the last step to keep, counted from 0.
        window: steps to merge, at least 1; fewer where fewer are there.
        joiner: text between merged steps.

    Returns:
        A trajectory whose last step alone has a label, that of step `end` if it is known. It has no
        outcome and no answer: it ends anywhere.

    Raises:
        InputError: the window is below 1.
    """
    if window < 1:
        raise InputError(f"a window of {window} steps", field="window", remedy="give 1 or more")
    first, label = max(0, end + 1 - window), trajectory.step_labels()[end]
    return dataclasses.replace(
        trajectory,
        steps=(*trajectory.steps[:first], joiner.join(trajectory.steps[first : end + 1])),
        labels=None if label is None else (None,) * first + (label,),
        first_error=None,
        outcome=None,
        answer=None,
        id=None if trajectory.id is None else f"{trajectory.id}/merged-{end}",
    )


def merged_examples(
    trajectory: Trajectory, window: int = 2, joiner: str = JOINER
) -> list[Trajectory]:
    """One example for every labelled step that ends a whole window.

    Args:
        trajectory: its `step_labels()` are read.
        window, joiner: as in `merge_last_steps`.

    Returns:
        In the order of the steps, none if the window is longer than the trajectory; train on them
        together with the trajectory itself.

    Raises:
        InputError: the window is below 1.
    """
    return [
        merge_last_steps(trajectory, end, window, joiner)
        for end, label in enumerate(trajectory.step_labels())
        if label is not None and end >= window - 1
    ]
