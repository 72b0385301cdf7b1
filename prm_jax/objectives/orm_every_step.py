"""Outcome reward model read at every step, not only at the last (GLoRe's ORM, arXiv:2402.10963;
Cobbe et al., arXiv:2110.14168, on every token)."""

import jax.numpy as jnp

from prm_jax.objectives.bce import bce
from prm_jax.objectives.reduction import masked, same_trajectory


def orm_every_step(scores_BS, outcomes_BS, mask_BS, *, trajectory_BS=None):
    """Mean binary cross-entropy of the logits at all steps against the solution's outcome.

    A step's score then estimates the chance that the policy ends right from there. A long solution
    counts more than a short one.

    Args:
        scores_BS: float[B,S] logits.
        outcomes_BS, mask_BS: as in `orm_bce`, the outcome at the last step of each solution. Every
            step of its trajectory up to it gets the same label.
        trajectory_BS: i32[B,S], the trajectory of each step in a packed row; None if each row is
            one.

    Returns:
        `(loss, metrics)` as `bce` gives them; 'weight' counts steps.
    """
    labels_BS, known_BS = spread_outcomes(outcomes_BS, mask_BS, trajectory_BS)
    return bce(scores_BS, labels_BS, known_BS)


def spread_outcomes(outcomes_BS, mask_BS, trajectory_BS=None):
    """The outcome of each trajectory at all its steps up to the one that holds it.

    Args:
        outcomes_BS, mask_BS, trajectory_BS: as in `orm_every_step`.

    Returns:
        `(labels_BS, known_BS)`: f32[B,S] and bool[B,S].
    """
    if trajectory_BS is None:
        trajectory_BS = jnp.zeros(mask_BS.shape, jnp.int32)
    same_BSS = same_trajectory(jnp.ones_like(mask_BS), trajectory_BS)
    not_later_SS = jnp.tri(mask_BS.shape[1], dtype=bool).T
    source_BSS = same_BSS & not_later_SS & mask_BS[:, None, :]
    labels_BS = jnp.where(source_BSS, masked(outcomes_BS, mask_BS)[:, None, :], 0.0).max(-1)
    return labels_BS, source_BSS.any(-1)
