"""How every step objective reduces: the mean over the steps of a mask, safe for an empty one."""

import jax.numpy as jnp


def masked(x_BS, mask_BS):
    """`x_BS` in float32 with zeros outside the mask, so that nothing there, NaN included, has an
    influence on a value or a gradient."""
    return jnp.where(mask_BS, x_BS.astype(jnp.float32), 0.0)


def mean_over_mask(x_BS, mask_BS):
    """Mean over the mask and the number of its elements, both f32[]; the mean of nothing is 0."""
    weight = jnp.sum(mask_BS, dtype=jnp.float32)
    total = jnp.sum(jnp.where(mask_BS, x_BS.astype(jnp.float32), 0.0))
    return total / jnp.maximum(weight, 1.0), weight
