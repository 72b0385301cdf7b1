"""The Similarity-Distance-Magnitude activation and its loss (arXiv:2509.12760).

    SDM(z)_i = (2 + q)^(d z_i) / sum over c of (2 + q)^(d z_c)

q counts how many training rows around the input agree with its prediction (similarity), d in
[0, 1] says how near it is to them (distance), z are the logits (magnitude). q and d are constants
for the gradient. With q = e - 2 and d = 1 it is the softmax.
"""

import chex
import jax
import jax.numpy as jnp

SOFTMAX_Q = jnp.e - 2
"""The q of a softmax: the base 2 + q is e."""


def activation(logits_NC, q_N, d_N):
    """SDM probabilities.

    Args:
        logits_NC: float[N,C].
        q_N: number[N], at least 0.
        d_N: float[N] in [0, 1]; 0 gives 1/C for every class.

    Returns:
        float[N,C] in the dtype of the logits, float32 at least. The largest is the prediction where
        d > 0; take the argmax of the logits, which also knows it where d = 0.
    """
    return jax.nn.softmax(_exponents(logits_NC, q_N, d_N)[0], axis=-1)


def loss(logits_NC, q_N, d_N, label_N):
    """Negative logarithm, to the base 2 + q, of the label's SDM probability.

    Its gradient in the logits is d (SDM - onehot): the base cancels, so q sharpens probabilities
    and weighs no row, and d = 0 teaches nothing.

    Args:
        logits_NC, q_N, d_N: as in `activation`.
        label_N: int[N] in [0, C).

    Returns:
        float[N], not reduced.
    """
    chex.assert_type(label_N, int)
    chex.assert_equal_shape([q_N, label_N])
    exponents_NC, log_base_N = _exponents(logits_NC, q_N, d_N)
    log_p_NC = jax.nn.log_softmax(exponents_NC, axis=-1)
    return -jnp.take_along_axis(log_p_NC, label_N[:, None], axis=-1)[:, 0] / log_base_N


def rescaled_similarity(q_N, prob_pred_N):
    """q' = min(q, (2 + q)^p): the similarity, held down where the prediction is unsure.

    Args:
        q_N: number[N], at least 0.
        prob_pred_N: float[N], the SDM probability of the predicted class.

    Returns:
        float[N] in [0, q]; 0 where q is.
    """
    prob_N = _float(prob_pred_N)
    q_N = jnp.asarray(q_N, prob_N.dtype)
    return jnp.minimum(q_N, jnp.exp(prob_N * jnp.log(2 + q_N)))


def _exponents(logits_NC, q_N, d_N):
    """d z ln(2 + q), and ln(2 + q)."""
    logits_NC = _float(logits_NC)
    chex.assert_rank(logits_NC, 2)
    chex.assert_equal_shape_prefix([logits_NC, q_N, d_N], 1)
    q_N, d_N = (jax.lax.stop_gradient(jnp.asarray(x, logits_NC.dtype)) for x in (q_N, d_N))
    log_base_N = jnp.log(2 + q_N)
    return logits_NC * (d_N * log_base_N)[:, None], log_base_N


def _float(x):
    x = jnp.asarray(x)
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
