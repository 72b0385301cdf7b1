"""Cross-entropy over the two classes "wrong" and "right" of a step."""

import chex
import jax.numpy as jnp

from prm_jax.objectives.bce import bce


def two_class(logits_BSC, labels_BS, mask_BS):
    """Mean cross-entropy of a two-class head, as TRL's PRM trainer and Qwen2.5-Math-PRM use it.

    With two classes, softmax cross-entropy against (1 - y, y) is binary cross-entropy on the
    difference of the logits; unlike the usual implementation soft labels stay soft.

    Args:
        logits_BSC: float[B,S,2]; class 1 is "right".
        labels_BS: float[B,S] in [0, 1].
        mask_BS: bool[B,S], True where a step is labelled.

    Returns:
        `(loss, metrics)` as `bce` gives them.
    """
    chex.assert_shape(logits_BSC, (*labels_BS.shape, 2))
    return bce(_difference(logits_BSC), labels_BS, mask_BS)


def two_token(logits_BS2, labels_BS, mask_BS):
    """Mean cross-entropy over two vocabulary tokens, softmax restricted to them.

    The soft form of Math-Shepherd (arXiv:2312.08935) and of RLHFlow's PRMs: mass on other tokens is
    neither rewarded nor punished.

    Args:
        logits_BS2: float[B,S,2], the logits of the "wrong" and the "right" token, in this order.
        labels_BS: float[B,S] in [0, 1].
        mask_BS: bool[B,S], True where a step is labelled.

    Returns:
        `(loss, metrics)` as `bce` gives them.
    """
    return two_class(logits_BS2, labels_BS, mask_BS)


def _difference(logits_BSC):
    logits_BSC = logits_BSC.astype(jnp.float32)
    return logits_BSC[..., 1] - logits_BSC[..., 0]
