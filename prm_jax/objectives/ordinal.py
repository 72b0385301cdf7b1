"""Ordinal probabilistic reward: a distribution over the ratings 1..K of each of two solutions
(OPRM; no code was released, what is here follows the formulas)."""

import chex
import jax
import jax.numpy as jnp

from prm_jax.objectives.reduction import masked, mean_over_mask


def ordinal(chosen_BK, rejected_BK, mask_B, *, chosen_weights_BK=None, rejected_weights_BK=None):
    """Mean of -log P(rating of chosen > rating of rejected), in closed form.

    P is the sum over i > j of p_i q_j. Equal ratings do not count as right, so ties are pushed
    apart. Computed from logarithms, it is finite for any logits.

    Args:
        chosen_BK, rejected_BK: float[B,K] logits of the ratings 1..K, for instance of the tokens
            "1".."9".
        mask_B: bool[B], True where there is a pair.
        chosen_weights_BK, rejected_weights_BK: float[B,K] in [0, 1], from `region_weights`: p_i
            and q_j count times these in the loss. None is 1 everywhere. A pair is left out if they
            leave no rating of chosen above one of rejected, as when chosen is of a worse level.

    Returns:
        `(loss, metrics)`: f32[] in nats per pair, and a dict of f32[]: 'weight', the number of
        pairs, the means of P ('right'), of the probability of a tie ('tie') and of the opposite
        ('wrong'), which sum to 1, and 'accuracy', the share of pairs with P above its opposite.
        Without pairs all are 0.
    """
    chex.assert_rank(chosen_BK, 2)
    chex.assert_equal_shape([chosen_BK, rejected_BK])
    chex.assert_equal_shape_prefix([chosen_BK, mask_B], 1)
    chex.assert_type(mask_B, bool)
    p_BK, q_BK = (
        jax.nn.log_softmax(masked(logits_BK, mask_B[:, None]))
        for logits_BK in (chosen_BK, rejected_BK)
    )
    k = chosen_BK.shape[1]
    above_KK = jnp.tri(k, k=-1, dtype=bool)
    right_B, tie_B, wrong_B = (
        jnp.exp(_log_sum(p_BK, q_BK, among_KK))
        for among_KK in (above_KK, jnp.eye(k, dtype=bool), above_KK.T)
    )
    weights = [
        jnp.ones_like(p_BK) if w_BK is None else w_BK
        for w_BK in (chosen_weights_BK, rejected_weights_BK)
    ]
    both_BKK = (weights[0] > 0)[:, :, None] & (weights[1] > 0)[:, None, :]
    mask_B = mask_B & (both_BKK & above_KK).any((1, 2))
    log_weights = [jnp.log(jnp.where(mask_B[:, None], w_BK, 1.0)) for w_BK in weights]
    loss_B = -_log_sum(p_BK + log_weights[0], q_BK + log_weights[1], above_KK)
    loss, weight = mean_over_mask(loss_B, mask_B)
    parts = {"right": right_B, "tie": tie_B, "wrong": wrong_B, "accuracy": right_B > wrong_B}
    return loss, {"weight": weight} | {n: mean_over_mask(x, mask_B)[0] for n, x in parts.items()}


def expected_rating(logits_BK):
    """Mean and variance of the rating.

    Args:
        logits_BK: float[B,K].

    Returns:
        `(mean_B, variance_B)`: f32[B] each, in ratings from 1; a large variance is doubt.
    """
    p_BK = jax.nn.softmax(logits_BK.astype(jnp.float32))
    rating_K = jnp.arange(1, logits_BK.shape[1] + 1, dtype=jnp.float32)
    mean_B = p_BK @ rating_K
    return mean_B, (p_BK * jnp.square(rating_K - mean_B[:, None])).sum(-1)


def region_weights(level_B, n_ratings=9, n_levels=3, width=2.0):
    """Weights that draw the ratings of a solution of known quality into its region.

    The ratings are cut into as many equal regions as there are levels (bad 1-3, normal 4-6, good
    7-9); a weight is 1 at the centre and falls linearly to 0 at `width` from it. UNSURE: what the
    paper does is known from summaries only, which speak of such triangles and name no width.

    Args:
        level_B: i32[B] from 0, the worst; -1 where the level is unknown, for weights 1.
        n_ratings: K.
        n_levels: number of regions.
        width: in ratings, above 0.

    Returns:
        f32[B,K].
    """
    size = n_ratings / n_levels
    centre_B = (level_B + 0.5) * size + 0.5
    rating_K = jnp.arange(1, n_ratings + 1)
    weight_BK = jnp.maximum(1 - jnp.abs(rating_K - centre_B[:, None]) / width, 0.0)
    return jnp.where(level_B[:, None] < 0, 1.0, weight_BK)


def _log_sum(p_BK, q_BK, among_KK):
    """log of the sum of p_i q_j over the (i, j) of `among_KK`."""
    joint_BKK = p_BK[:, :, None] + q_BK[:, None, :]
    return jax.nn.logsumexp(jnp.where(among_KK, joint_BKK, -jnp.inf), axis=(1, 2))
