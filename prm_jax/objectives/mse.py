"""Squared error of step probabilities: PQM's baseline, and the usual loss for soft labels."""

import chex
import jax
import jax.numpy as jnp

from prm_jax.objectives.reduction import masked, step_mean


def mse(scores_BS, labels_BS, mask_BS):
    """Mean of (sigmoid(s) - y)^2 over the labelled steps.

    It is bounded, so one noisy label weighs little, and its gradient vanishes at large logits.

    Args:
        scores_BS: float[B,S] logits that a step is right; with two classes their difference.
        labels_BS: float[B,S] in [0, 1], such as shares of completions that end right.
        mask_BS: bool[B,S], True where a step is labelled.

    Returns:
        `(loss, metrics)` as `bce` gives them.
    """
    chex.assert_rank(scores_BS, 2)
    chex.assert_equal_shape([scores_BS, labels_BS, mask_BS])
    chex.assert_type(mask_BS, bool)
    scores_BS, labels_BS = masked(scores_BS, mask_BS), masked(labels_BS, mask_BS)
    loss_BS = jnp.square(jax.nn.sigmoid(scores_BS) - labels_BS)
    return step_mean(loss_BS, scores_BS, labels_BS, mask_BS)
