"""Where activations live: rows of the batch over the mesh axes 'data' and 'fsdp'.

Without these constraints XLA may split activations like the parameters they meet, and gather the
batch instead of the weights. Without a mesh they do nothing.
"""

import math

import jax
from jax.sharding import PartitionSpec as P

BATCH_AXES = ("data", "fsdp")


def constrain_rows(x):
    """`x` with its first axis spread over the batch axes of the mesh in context, if any."""
    if jax.sharding.get_abstract_mesh().empty:
        return x
    return jax.lax.with_sharding_constraint(x, divisible_spec(x.shape, P(BATCH_AXES)))


def divisible_spec(shape, spec, sizes=None):
    """A PartitionSpec that leaves whole every dimension that its axes do not divide.

    Args:
        shape: of the array.
        spec: PartitionSpec of at most as many dimensions.
        sizes: {axis name: size}; None takes those of the mesh in context.

    Returns:
        PartitionSpec as long as `spec`.
    """
    if sizes is None:
        sizes = dict(jax.sharding.get_abstract_mesh().shape)

    def fit(axes, size):
        names = axes if isinstance(axes, tuple) else (axes,)
        whole = axes is None or size % math.prod(sizes[name] for name in names)
        return None if whole else axes

    return P(*(fit(axes, size) for axes, size in zip(spec, shape)))
