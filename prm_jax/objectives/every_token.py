"""Labels of steps and outcomes spread over the tokens of the response.

Easy-to-Hard generalisation (Sun et al., arXiv:2403.09472) trains its process reward model on every
token of a step or on its last three; outcome reward models are often trained on every token of a
solution (Cobbe et al., arXiv:2110.14168).
"""

import jax.numpy as jnp

from prm_jax.objectives.bce import bce
from prm_jax.objectives.orm_every_step import spread_outcomes


def bce_every_token(scores_BT, labels_BS, mask_BS, *, span_BST=None, last_tokens=0):
    """Mean binary cross-entropy of the logits at the tokens of labelled steps.

    Args:
        scores_BT: float[B,T] logits at tokens.
        labels_BS: float[B,S] in [0, 1].
        mask_BS: bool[B,S], True where a step is labelled.
        span_BST: bool[B,S,T], the tokens of each step; None if scores and labels are of the same
            places already.
        last_tokens: only so many tokens at the end of each step count; 0 is all.

    Returns:
        `(loss, metrics)` as `bce` gives them; 'weight' counts tokens.
    """
    if span_BST is None:
        return bce(scores_BT, labels_BS, mask_BS)
    counted_BST = span_BST & mask_BS[:, :, None]
    if last_tokens:
        after_BST = jnp.cumsum(counted_BST[..., ::-1], axis=-1)[..., ::-1]
        counted_BST &= after_BST <= last_tokens
    labels_BT = jnp.where(counted_BST, labels_BS[:, :, None], 0.0).max(1)
    return bce(scores_BT, labels_BT, counted_BST.any(1))


def orm_every_token(scores_BT, outcomes_BS, mask_BS, *, trajectory_BS=None, span_BST=None):
    """Mean binary cross-entropy of the logits at all tokens of a response against its outcome.

    Args:
        scores_BT: float[B,T] logits at tokens.
        outcomes_BS, mask_BS, trajectory_BS: as in `orm_every_step`.
        span_BST: as in `bce_every_token`; without it, it is `orm_every_step`.

    Returns:
        `(loss, metrics)` as `bce` gives them; 'weight' counts tokens.
    """
    labels_BS, known_BS = spread_outcomes(outcomes_BS, mask_BS, trajectory_BS)
    return bce_every_token(scores_BT, labels_BS, known_BS, span_BST=span_BST)
