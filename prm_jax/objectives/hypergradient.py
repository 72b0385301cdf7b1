"""Gradient of an outer loss in what weighs an inner loss, through the training on the inner one.

`inner_loss(params, logits, batch)` and `outer_loss(params, batch)` are scalar functions of any
trees. Training is plain gradient descent, w' = w - lr d inner / dw.
"""

import jax
import jax.numpy as jnp
import optax


def unrolled(inner_loss, outer_loss, params, logits, batches, meta_batch, *, learning_rate):
    """Differentiates through steps of gradient descent, exactly.

    The backward pass computes each step again, so memory grows by one copy of the parameters a
    step, and each step costs about as much as three.

    Args:
        inner_loss, outer_loss: see above.
        params: tree of parameters before the first step.
        logits: tree that the gradient is in.
        batches: tree of arrays [U, ...], a batch for each of the U steps.
        meta_batch: batch of the outer loss.
        learning_rate: of the steps.

    Returns:
        `(gradient, loss)`: a tree like `logits`, and the outer loss after the last step, f32[].
    """

    @jax.checkpoint
    def step(params, logits, batch):
        return _descend(params, jax.grad(inner_loss)(params, logits, batch), learning_rate)

    def after(logits):
        last, _ = jax.lax.scan(lambda w, batch: (step(w, logits, batch), None), params, batches)
        return outer_loss(last, meta_batch)

    loss, gradient = jax.value_and_grad(after)(logits)
    return gradient, loss


def finite_difference(
    inner_loss, outer_loss, params, logits, batch, meta_batch, *, learning_rate, radius=1e-3
):
    """The gradient of `unrolled` with one step, without second derivatives (DARTS,
    arXiv:1806.09055, Eq. 8).

    With v = d outer / dw at w' and e = radius / |v|, the product of v and the mixed second
    derivative is [d inner(w + e v) - d inner(w - e v)] / 2e, each d in the logits. Parameters and
    losses should be float32: in bfloat16 the difference is lost.

    Args:
        inner_loss, outer_loss, params, logits, meta_batch, learning_rate: as in `unrolled`.
        batch: of the one step.
        radius: length of the change of the parameters. DARTS has 0.01, which is several per cent
            off for a small transformer.

    Returns:
        As `unrolled`.
    """
    stepped = _descend(params, jax.grad(inner_loss)(params, logits, batch), learning_rate)
    loss, direction = jax.value_and_grad(outer_loss)(stepped, meta_batch)
    epsilon = radius / jnp.maximum(optax.tree.norm(direction), jnp.finfo(jnp.float32).tiny)

    def at(sign):
        moved = jax.tree.map(lambda w, v: w + sign * epsilon * v, params, direction)
        return jax.grad(inner_loss, argnums=1)(moved, logits, batch)

    factor = -learning_rate / (2 * epsilon)
    return jax.tree.map(lambda plus, minus: factor * (plus - minus), at(1.0), at(-1.0)), loss


def _descend(params, gradient, learning_rate):
    return jax.tree.map(lambda w, g: w - learning_rate * g, params, gradient)
