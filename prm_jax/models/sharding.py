"""Where parameters and batches live on a device mesh.

The mesh has the axes 'data' (replicas), 'expert' (experts split, batch split), 'fsdp' (parameters
split, batch split), 'sequence' (the tokens of a row split) and 'tensor' (heads and mlp width
split). One table maps parameter paths to axes; a dimension that an axis does not divide stays
whole.
"""

import math
import re

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from prm_jax.errors import InputError
from prm_jax.models.constraints import (
    AXES,
    BATCH_AXES,
    COLUMN_AXES,
    EXPERT,
    SEQUENCE,
    divisible_spec,
)
from prm_jax.models.tree import from_paths, paths

# First match wins. The embedding is split by columns only, see `constraints.look_up`.
PARTITION_RULES = (
    (r"embed/embedding$", P(None, COLUMN_AXES)),
    (r"unembed/kernel$", P("fsdp", "tensor")),
    (r"layers_\d+/attn/[qkv]/kernel$", P(None, "fsdp", "tensor", None)),
    (r"layers_\d+/attn/[qkv]/bias$", P(None, "tensor", None)),
    (r"layers_\d+/attn/o/kernel$", P(None, "tensor", None, "fsdp")),
    (r"layers_\d+/attn/o/bias$", P()),
    (r"layers_\d+/mlp/(gate|up)/kernel$", P(None, "fsdp", "tensor")),
    (r"layers_\d+/mlp/(gate|up)/bias$", P(None, "tensor")),
    (r"layers_\d+/mlp/down/kernel$", P(None, "tensor", "fsdp")),
    (r"layers_\d+/mlp/down/bias$", P()),
    (r"layers_\d+/mlp/router/kernel$", P()),
    (r"layers_\d+/mlp/experts/(gate|up)/kernel$", P(None, EXPERT, "fsdp", "tensor")),
    (r"layers_\d+/mlp/experts/down/kernel$", P(None, EXPERT, "tensor", "fsdp")),
    (r"layers_\d+/linear/([qkvz]|rate|decay)/kernel$", P(None, "fsdp", "tensor")),
    (r"layers_\d+/linear/[qkv]_conv/taps$", P(None, None, None, "tensor", None)),
    (r"layers_\d+/linear/(dt_bias|a_log)$", P(None, "tensor")),
    (r"layers_\d+/linear/o/kernel$", P(None, "tensor", None, "fsdp")),
    (r"norm/scale$", P()),
    (r"head/(gate/)?dense/kernel$", P("fsdp", "tensor")),
    (r"head/(.*/)?(kernel|bias)$", P()),
    (r"layers_\d+/.*/(o|down)/kernel/a$", P(None, ("tensor", "fsdp"), None)),
    (r"layers_\d+/.*/(o|down)/kernel/b$", P(None, None, "fsdp")),
    (r"layers_\d+/.*/kernel/a$", P(None, "fsdp", None)),
    (r"layers_\d+/.*/kernel/b$", P(None, None, ("tensor", "fsdp"))),
    (r"layers_\d+/.*/kernel/scale$", P()),
)


def make_mesh(data=1, fsdp=1, tensor=1, sequence=1, expert=1, devices=None):
    """A device mesh with the axes ('data', 'expert', 'fsdp', 'sequence', 'tensor').

    Args:
        data, fsdp, tensor, sequence, expert: sizes of the axes; one of them may be -1, which takes
            what is left.
        devices: devices to use; None is all.

    Returns:
        jax.sharding.Mesh with automatic axes.

    Raises:
        InputError: if the product is not the number of devices.
    """
    devices = jax.devices() if devices is None else devices
    shape = [data, expert, fsdp, sequence, tensor]
    if shape.count(-1) == 1:
        known = math.prod(size for size in shape if size != -1)
        shape[shape.index(-1)] = len(devices) // known if known > 0 else 0
    if min(shape) < 1 or math.prod(shape) != len(devices):
        raise InputError(
            f"mesh data={data} expert={expert} fsdp={fsdp} tensor={tensor} sequence={sequence} "
            f"does not fit {len(devices)} devices",
            field="mesh",
            remedy="make the product equal to the number of devices, or set one axis to -1",
        )
    return jax.make_mesh(
        tuple(shape), AXES, axis_types=(AxisType.Auto,) * len(AXES), devices=devices
    )


def partition_spec(path, shape, mesh):
    """The PartitionSpec of one parameter.

    Args:
        path: such as 'layers_0/attn/q/kernel'.
        shape: its shape.
        mesh: the mesh, whose axis sizes decide which dimensions can be split.

    Raises:
        InputError: if no rule matches the path.
    """
    path = re.sub(r"/block_\d+/", "/", path)  # layers of a period are split like any others
    for pattern, spec in PARTITION_RULES:
        if re.search(pattern, path):
            return divisible_spec(shape, spec, dict(mesh.shape))
    raise InputError(f"no partition rule matches {path!r}", remedy="add it to PARTITION_RULES")


def param_shardings(params, mesh):
    """NamedSharding for every leaf of a parameter tree (arrays or shapes): a tree like it."""
    return from_paths(
        {
            path: NamedSharding(mesh, partition_spec(path, np.shape(leaf), mesh))
            for path, leaf in paths(params).items()
        }
    )


def check_row_length(length, mesh):
    """Raises `InputError` unless the mesh can split rows of `length` tokens evenly."""
    parts = mesh.shape[SEQUENCE]
    if length % parts:
        raise InputError(
            f"rows of {length} tokens cannot be split into {parts} equal parts",
            field="mesh.sequence",
            remedy="make the length of the rows a multiple of it",
        )


def check_experts(n_experts, mesh):
    """Raises `InputError` unless the mesh can share the experts of a model, 0 if it has none."""
    parts = mesh.shape[EXPERT]
    if parts > 1 and not n_experts:
        raise InputError(
            "this model has no experts to split",
            field="mesh.expert",
            remedy="leave it at 1, and use fsdp or tensor",
        )
    if n_experts % parts:
        raise InputError(
            f"{n_experts} experts cannot be split into {parts} equal parts",
            field="mesh.expert",
            remedy="make it a divisor of their number",
        )


def row_shares(mesh):
    """Over how many devices, or groups of them, the rows of a batch are spread."""
    return math.prod(mesh.shape[axis] for axis in BATCH_AXES)


def batch_sharding(mesh):
    """NamedSharding of a batch array: rows split over 'data', 'expert' and 'fsdp'."""
    return NamedSharding(mesh, P(BATCH_AXES))
