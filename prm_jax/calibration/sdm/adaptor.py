"""The linear adaptor of an SDM: exemplars h' = W1 x + b1 and logits z = W2 h' + b2, and an epoch of
its training with q and d held fixed (arXiv:2509.12760)."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from prm_jax.calibration.sdm.activation import loss


def initial_adaptor(key, d_in, width, n_classes):
    """Fresh kernels and biases, uniform within 1 / sqrt(inputs).

    Args:
        key: PRNG key.
        d_in, width, n_classes: D, M and C.

    Returns:
        `(kernel_DM, bias_M, kernel_MC, bias_C)`, f32.
    """

    def uniform(key, shape, inputs):
        bound = inputs**-0.5
        return jax.random.uniform(key, shape, jnp.float32, -bound, bound)

    keys = jax.random.split(key, 4)
    return (
        uniform(keys[0], (d_in, width), d_in),
        uniform(keys[1], (width,), d_in),
        uniform(keys[2], (width, n_classes), width),
        uniform(keys[3], (n_classes,), width),
    )


def linear(params, x_ND):
    """Exemplars f32[N,M] and logits f32[N,C] of standardised features, at full precision."""
    kernel_DM, bias_M, kernel_MC, bias_C = params
    exact = jax.lax.Precision.HIGHEST
    h_NM = jnp.matmul(x_ND, kernel_DM, precision=exact) + bias_M
    return h_NM, jnp.matmul(h_NM, kernel_MC, precision=exact) + bias_C


def adaptor_logits(params, x_ND):
    """f32[N,C], those of `linear`."""
    return linear(params, x_ND)[1]


@functools.partial(jax.jit, static_argnames=("optimizer", "logits"))
def train_epoch(params, opt_state, data, order_UB, *, optimizer, logits=adaptor_logits):
    """An epoch of updates on the mean SDM loss of each batch.

    Args:
        params, opt_state: the adaptor's, and the optimizer's for it.
        data: `(x_ND, q_N, d_N, y_N)`: standardised features, constants of the loss, classes.
        order_UB: i[U,B] rows of each update; numbers below 0 fill the last one.
        optimizer: optax.GradientTransformation.
        logits: function of params and x.

    Returns:
        `(params, opt_state)`.
    """

    def mean_loss(params, batch, real_B):
        x_BD, q_B, d_B, y_B = batch
        losses_B = loss(logits(params, x_BD), q_B, d_B, y_B)
        return jnp.sum(jnp.where(real_B, losses_B, 0)) / jnp.sum(real_B)

    def update(carry, rows_B):
        params, opt_state = carry
        batch = jax.tree.map(lambda x: x[rows_B], data)
        gradient = jax.grad(mean_loss)(params, batch, rows_B >= 0)
        updates, opt_state = optimizer.update(gradient, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), None

    (params, opt_state), _ = jax.lax.scan(update, (params, opt_state), order_UB)
    return params, opt_state


def exemplars(params, x_ND):
    """`linear` as numpy arrays."""
    return tuple(np.asarray(x) for x in jax.jit(linear)(params, x_ND))
