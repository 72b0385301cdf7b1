"""Where activations live: rows of the batch over the mesh axes 'data', 'expert' and 'fsdp', the
tokens of a row over 'sequence'.

Without these constraints XLA may split activations like the parameters they meet, and gather the
batch instead of the weights. Without a mesh they do nothing.
"""

import math

import jax
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

AXES = ("data", "expert", "fsdp", "sequence", "tensor")
BATCH_AXES = AXES[:3]
EXPERT, SEQUENCE = "expert", "sequence"
COLUMN_AXES = ("fsdp", "tensor")


def mesh_axes():
    """{axis: size} of the mesh in context, {} without one or with one that is not ours to use.

    Inside `jax.shard_map` arrays are a device's own part already; a mesh with other axes belongs
    to a caller who places arrays in other ways.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.axis_names != AXES or any(kind != AxisType.Auto for kind in mesh.axis_types):
        return {}
    return dict(mesh.shape)


def platform():
    """What is compiled for, such as 'cpu' or 'tpu': the platform of the mesh in context, or else of
    the first device. They differ where a program is compiled for machines that are not there."""
    device = jax.sharding.get_abstract_mesh().abstract_device
    return jax.devices()[0].platform if device is None else device.platform


def sequence_shards(length):
    """Parts in which the mesh in context has rows of `length` tokens; 1 if they do not fit."""
    shards = mesh_axes().get(SEQUENCE, 1)
    return shards if length % shards == 0 else 1


def constrain_tokens(x_BT):
    """`x_BT` [B,T,...] with rows and tokens spread over their axes of the mesh in context, if they
    fit."""
    wanted = P(BATCH_AXES) if sequence_shards(x_BT.shape[1]) == 1 else P(BATCH_AXES, SEQUENCE)
    spec = divisible_spec(x_BT.shape, wanted, mesh_axes())
    return x_BT if spec == P(None) else jax.lax.with_sharding_constraint(x_BT, spec)


def look_up(table_VD, ids_BT, dtype):
    """Rows of a table whose columns are split over 'fsdp' and 'tensor', as `PARTITION_RULES` do.

    Each device looks the ids of its replica up in its columns; then columns are exchanged for
    rows, so that what travels is no more than the result, however many devices there are. (Were
    the table split by rows, each device would look up the whole batch, and all would be summed.)

    Args:
        table_VD: f[V,D].
        ids_BT: i32[B,T].
        dtype: of the result.

    Returns:
        [B,T,D] as `constrain_tokens` spreads it; NaN at ids that the table does not have.
    """
    axes = mesh_axes()
    column_axes = divisible_spec(table_VD.shape, P(None, COLUMN_AXES), axes)[1]
    if column_axes is None:
        x_BTD = table_VD.at[ids_BT].get(mode="fill", fill_value=math.nan)
        return constrain_tokens(x_BTD.astype(dtype))
    tokens = P(BATCH_AXES[:2], SEQUENCE if sequence_shards(ids_BT.shape[1]) > 1 else None)
    tokens = divisible_spec(ids_BT.shape, tokens, axes)
    ids_BT = jax.lax.with_sharding_constraint(ids_BT, tokens)
    x_BTD = table_VD.at[ids_BT].get(mode="fill", fill_value=math.nan)
    # One exchange at a time: XLA knows no single one from the first layout to the last.
    for columns in (column_axes, COLUMN_AXES[0]):
        x_BTD = jax.lax.with_sharding_constraint(x_BTD, P(*tokens, columns)).astype(dtype)
    return constrain_tokens(x_BTD)


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
