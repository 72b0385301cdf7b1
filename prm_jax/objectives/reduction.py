"""How objectives reduce: means over a mask, safe for an empty one, of steps or of trajectories."""

import jax.numpy as jnp


def masked(x, mask):
    """`x` in float32 with zeros outside the mask, so that nothing there, NaN included, has an
    influence on a value or a gradient."""
    return jnp.where(mask, x.astype(jnp.float32), 0.0)


def mean_over_mask(x, mask):
    """Mean over the mask and the number of its elements, both f32[]; the mean of nothing is 0."""
    weight = jnp.sum(mask, dtype=jnp.float32)
    total = jnp.sum(jnp.where(mask, x.astype(jnp.float32), 0.0))
    return total / jnp.maximum(weight, 1.0), weight


def step_mean(loss_BS, scores_BS, labels_BS, mask_BS):
    """`(loss, metrics)` of an objective that counts every labelled step alike.

    Args:
        loss_BS: float[B,S] loss of each step.
        scores_BS, labels_BS, mask_BS: as the objective takes them, `masked`.

    Returns:
        f32[], and 'weight', the number of labelled steps, and 'accuracy' of `score > 0` against
        `label >= 0.5`. Without labelled steps all are 0.
    """
    loss, weight = mean_over_mask(loss_BS, mask_BS)
    accuracy, _ = mean_over_mask(is_right(scores_BS, labels_BS), mask_BS)
    return loss, {"weight": weight, "accuracy": accuracy}


def is_right(scores_BS, labels_BS):
    """Whether the sign of each logit agrees with its label, rounded."""
    return (scores_BS > 0) == (labels_BS >= 0.5)


def same_trajectory(mask_BS, trajectory_BS=None):
    """Which labelled steps of a row belong to one trajectory.

    Args:
        mask_BS: bool[B,S].
        trajectory_BS: i32[B,S], the trajectory of each step by any number that differs within a
            row, as segment ids do; None if every row is one trajectory.

    Returns:
        bool[B,S,S], False where either step is not labelled.
    """
    both_BSS = mask_BS[:, :, None] & mask_BS[:, None, :]
    if trajectory_BS is None:
        return both_BSS
    return both_BSS & (trajectory_BS[:, :, None] == trajectory_BS[:, None, :])
