"""Where activations live: rows of the batch over the mesh axes 'data' and 'fsdp'.

Without these constraints XLA may split activations like the parameters they meet, and gather the
batch instead of the weights. Without a mesh they do nothing.
"""

import math

import jax
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

AXES = ("data", "fsdp", "tensor")
BATCH_AXES = AXES[:2]


def mesh_axes():
    """{axis: size} of the mesh in context, {} without one or with one that is not ours to use.

    Inside `jax.shard_map` arrays are a device's own part already; a mesh with other axes belongs
    to a caller who places arrays in other ways.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.axis_names != AXES or any(kind != AxisType.Auto for kind in mesh.axis_types):
        return {}
    return dict(mesh.shape)


def constrain_rows(x):
    """`x` with its first axis spread over the batch axes of the mesh in context, if they fit."""
    spec = divisible_spec(x.shape, P(BATCH_AXES), mesh_axes())
    return x if spec == P(None) else jax.lax.with_sharding_constraint(x, spec)


def divisible_spec(shape, spec, sizes):
    """A PartitionSpec that leaves whole every dimension that its axes do not divide.

    Args:
        shape: of the array.
        spec: PartitionSpec of at most as many dimensions.
        sizes: {axis: size}; an axis that is not there does not split.

    Returns:
        PartitionSpec as long as `spec`.
    """

    def fit(axes, size):
        names = axes if isinstance(axes, tuple) else (axes,)
        if axes is None or not set(names) <= set(sizes):
            return None
        return axes if size % math.prod(sizes[name] for name in names) == 0 else None

    return P(*(fit(axes, size) for axes, size in zip(spec, shape)))
