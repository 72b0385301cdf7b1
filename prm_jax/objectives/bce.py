"""Binary cross-entropy on step scores (Lightman et al., arXiv:2305.20050, with one logit)."""

import chex
import jax

from prm_jax.errors import InputError
from prm_jax.objectives.reduction import masked, step_mean


def bce(scores_BS, labels_BS, mask_BS, *, wrong_weight=1.0):
    """Mean binary cross-entropy of step logits against hard or soft labels.

    Per step: softplus(s) - y s, which is -[y log sigmoid(s) + (1 - y) log(1 - sigmoid(s))]; with a
    weight w the second term is w times as large (UHead, arXiv:2511.06209, has w = 3).

    Args:
        scores_BS: float[B,S] logits that a step is right; computed with in float32.
        labels_BS: float[B,S] in [0, 1], 1 is right.
        mask_BS: bool[B,S], True where a step is labelled. What stands elsewhere has no influence.
        wrong_weight: w. The mean is over steps and not over weights, as with torch's `pos_weight`.

    Returns:
        `(loss, metrics)`: f32[] in nats per labelled step, and a dict of f32[]: 'weight', the
        number of labelled steps, and 'accuracy' of `score > 0` against `label >= 0.5`. Without
        labelled steps all are 0.

    Raises:
        InputError: the weight is not positive.
    """
    if not wrong_weight > 0:
        raise InputError(f"{wrong_weight} is no weight", field="wrong_weight", remedy="above 0")
    chex.assert_rank(scores_BS, 2)
    chex.assert_equal_shape([scores_BS, labels_BS, mask_BS])
    chex.assert_type(mask_BS, bool)
    scores_BS, labels_BS = masked(scores_BS, mask_BS), masked(labels_BS, mask_BS)
    # softplus(-s) y + w softplus(s) (1 - y), for any y in [0, 1]
    weight_BS = 1 + (wrong_weight - 1) * (1 - labels_BS)
    loss_BS = weight_BS * jax.nn.softplus(scores_BS) - labels_BS * scores_BS
    return step_mean(loss_BS, scores_BS, labels_BS, mask_BS)
