"""Losses of pairs on packed rows: solutions of one unit, the better one against the worse one."""

import jax.numpy as jnp

from prm_jax.objectives.bradley_terry import bradley_terry
from prm_jax.objectives.ordinal import ordinal, region_weights
from prm_jax.objectives.reduction import same_trajectory


def preferred(labels_BS, mask_BS, unit_BS=None):
    """Which labelled entries are better than which others of their unit.

    Args:
        labels_BS: float[B,S], the larger the better.
        mask_BS: bool[B,S], True where labelled: at the last step for labels of solutions.
        unit_BS: i32[B,S], what is compared with what; None is everything in a row.

    Returns:
        bool[B,S,S], True at (b, i, j) if i is better than j.
    """
    better_BSS = labels_BS[:, :, None] > labels_BS[:, None, :]
    return better_BSS & same_trajectory(mask_BS, unit_BS)


def bradley_terry_of_units(
    scores_BS, labels_BS, mask_BS, *, unit_BS=None, margin=0.0, centring=0.0
):
    """`bradley_terry` over all pairs of labelled steps of a unit, the larger label preferred.

    Args:
        scores_BS: float[B,S] scores.
        labels_BS, mask_BS, unit_BS: as in `preferred`.
        margin, centring: as in `bradley_terry`.

    Returns:
        `(loss, metrics)` as `bradley_terry` gives them.
    """
    pairs_BSS = preferred(labels_BS, mask_BS, unit_BS)
    chosen_BSS = jnp.broadcast_to(scores_BS[:, :, None], pairs_BSS.shape)
    rejected_BSS = jnp.broadcast_to(scores_BS[:, None, :], pairs_BSS.shape)
    flat = (x.reshape(-1) for x in (chosen_BSS, rejected_BSS, pairs_BSS))
    return bradley_terry(*flat, margin=margin, centring=centring)


def ordinal_of_units(logits_BSC, labels_BS, mask_BS, *, unit_BS=None, flooding=0.0):
    """`ordinal` over all pairs of labelled steps of a unit, the larger label preferred.

    Args:
        logits_BSC: float[B,S,C] logits of the ratings 1..C.
        labels_BS, mask_BS, unit_BS: as in `preferred`.
        flooding: width in ratings of `region_weights`, by which right solutions are drawn to the
            upper third of the ratings and wrong ones to the lower third; 0 is off. UNSURE: see
            there.

    Returns:
        `(loss, metrics)` as `ordinal` gives them.
    """
    n_ratings = logits_BSC.shape[-1]
    pairs_BSS = preferred(labels_BS, mask_BS, unit_BS)
    shape = (*pairs_BSS.shape, n_ratings)

    def of_pairs(x_BSC):
        chosen = jnp.broadcast_to(x_BSC[:, :, None], shape).reshape(-1, n_ratings)
        rejected = jnp.broadcast_to(x_BSC[:, None, :], shape).reshape(-1, n_ratings)
        return chosen, rejected

    chosen_BK, rejected_BK = of_pairs(logits_BSC)
    options = {}
    if flooding:
        level_BS = jnp.where(labels_BS >= 0.5, 2, 0)
        of_level = region_weights(level_BS.reshape(-1), n_ratings, width=flooding)
        weights = of_pairs(of_level.reshape(logits_BSC.shape))
        options = dict(zip(("chosen_weights_BK", "rejected_weights_BK"), weights))
    return ordinal(chosen_BK, rejected_BK, pairs_BSS.reshape(-1), **options)
