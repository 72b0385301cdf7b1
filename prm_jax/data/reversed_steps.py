"""Trajectories with their steps in reverse order, to train and score a right-to-left stream.

As in BiPRM (arXiv:2508.01682): the problem stays in front, whole steps change places, the tokens
within a step do not, and every label goes with its step.
"""

import dataclasses

from prm_jax.records import Trajectory


def reverse_steps(trajectory: Trajectory) -> Trajectory:
    """The trajectory with its last step first.

    Numbers that a step's text brings stay as they are; numbers that a convention writes count the
    places in the input, so train on reversed steps with a convention that writes none.

    Args:
        trajectory: any.

    Returns:
        A copy. Its labels are explicit where `first_error` implied them; `first_error` is None,
        since the first wrong step read is now another. The twice reversed one is the first with
        explicit labels.
    """
    labels = trajectory.step_labels()
    known = any(label is not None for label in labels)
    return dataclasses.replace(
        trajectory,
        steps=trajectory.steps[::-1],
        labels=labels[::-1] if known else None,
        first_error=None,
    )
