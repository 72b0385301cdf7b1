"""Bradley-Terry loss on pairs of a chosen and a rejected solution or step."""

import chex
import jax
import jax.numpy as jnp

from prm_jax.objectives.reduction import masked, mean_over_mask


def bradley_terry(chosen_B, rejected_B, mask_B, *, margin=0.0, centring=0.0):
    """Mean of -log sigmoid(chosen - rejected - margin) + centring (chosen + rejected)^2.

    Only differences are learnt from pairs; `centring` (Eisenstein et al., arXiv:2312.09244) keeps
    their level near 0.

    Args:
        chosen_B, rejected_B: float[B] scores, unbounded.
        mask_B: bool[B], True where there is a pair.
        margin: how much the chosen one should be above (Llama 2, arXiv:2307.09288), a number or
            float[B].
        centring: weight of the squared sum; TRL suggests 0.01.

    Returns:
        `(loss, metrics)`: f32[] in nats per pair, and a dict of f32[]: 'weight', the number of
        pairs, 'accuracy', the share of pairs in the right order (a tie is half right), and
        'difference', the mean of chosen - rejected. Without pairs all are 0.
    """
    chex.assert_rank(chosen_B, 1)
    chex.assert_equal_shape([chosen_B, rejected_B, mask_B])
    chex.assert_type(mask_B, bool)
    margin_B = jnp.broadcast_to(margin, mask_B.shape)
    chosen_B, rejected_B, margin_B = (masked(x, mask_B) for x in (chosen_B, rejected_B, margin_B))
    difference_B = chosen_B - rejected_B
    loss_B = jax.nn.softplus(margin_B - difference_B)
    loss_B += centring * jnp.square(chosen_B + rejected_B)
    loss, weight = mean_over_mask(loss_B, mask_B)
    accuracy, _ = mean_over_mask(0.5 * (1 + jnp.sign(difference_B)), mask_B)
    difference, _ = mean_over_mask(difference_B, mask_B)
    return loss, {"weight": weight, "accuracy": accuracy, "difference": difference}
