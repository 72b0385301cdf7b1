"""What a step keeps in a device's memory: counted from shardings, and estimated for the rest.

Parameters, optimizer state and gradients are counted, as the sharded shapes give them. Estimated,
by what a backward pass has to keep, are

    saved      the inputs of all layers, 2 bytes a number, where `remat` is 'full'; with 'dots' also
               the outputs of their matrices and of attention, with 'none' about all of `inside`
    inside     of one layer, while it runs forward, or again and backward: what its matrices read
               and give, in the backward pass twice, for numbers and their gradients
    gathered   the matrices of two layers in 2 bytes, of the one that runs and the one that is
               fetched meanwhile; in the backward pass also the gradients of one before they are
               spread

Attention is taken to keep no scores (splash, cuDNN). Experts that the mesh axis 'expert' splits
have room for all tokens of their group of devices, as `models.sparse_mlp` keeps it.
"""

import math

import jax

from prm_jax.benchmark.flops import matrices
from prm_jax.models import row_shares

COMPUTE_BYTES = 2
LAYERS_AT_ONCE = 2


def held(tree) -> int:
    """Bytes of a tree on one device.

    Args:
        tree: of jax.ShapeDtypeStruct with shardings, as `programs.lower` gives them.
    """
    return sum(
        math.prod(leaf.sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize
        for leaf in jax.tree.leaves(tree)
    )


def estimate(work, mesh, params, opt_state) -> dict[str, int]:
    """Bytes on one device by part, for `scale.programs.Work` on a mesh.

    Args:
        work: what is run.
        mesh: the mesh.
        params, opt_state: as `programs.Program` has them.

    Returns:
        `{part: bytes}`, with the parts that the module's text names, and 'total'.
    """
    config, axes = work.decoder.config, mesh.shape
    trains = work.step == "train"
    tokens = work.rows * work.row_length // (row_shares(mesh) * axes["sequence"])
    tensor = axes["tensor"]
    rooms = {1: 1, config.n_experts: axes["expert"]}
    widths = sum((m.inputs + m.outputs) * m.used * rooms[m.stored] for m in matrices(config))
    widths /= tensor
    inside = int(COMPUTE_BYTES * tokens * widths) * (2 if trains else 1)
    outputs = sum(m.outputs * m.used for m in matrices(config)) + config.n_heads * config.head_dim
    outputs = int(COMPUTE_BYTES * tokens * outputs / tensor)
    layer_inputs = COMPUTE_BYTES * tokens * config.d_model
    saved = {"full": layer_inputs, "dots": layer_inputs + outputs, "none": inside}
    layer = sum(m.inputs * m.outputs * m.stored // rooms[m.stored] for m in matrices(config))
    layer = layer * COMPUTE_BYTES // tensor
    in_parts = axes["fsdp"] > 1
    parts = {
        "parameters": held(params),
        "optimizer": held(opt_state),
        "gradients": held(params) if trains else 0,
        "saved": saved[work.remat] * config.n_layers if trains else 0,
        "inside": inside,
        "gathered": (LAYERS_AT_ONCE + trains) * layer if in_parts else 0,
    }
    return parts | {"total": sum(parts.values())}


def replicated(tree, at_least: int) -> dict[str, int]:
    """Tensors that all devices of an 'fsdp' group hold whole, though they are large.

    Args:
        tree: of jax.ShapeDtypeStruct with shardings, such as a `TrainState`.
        at_least: number of elements from which a tensor counts as large.

    Returns:
        `{path: elements}`.
    """
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf.size
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
        if leaf.size >= at_least and not _is_split(leaf.sharding.spec)
    }


def _is_split(spec):
    return any("fsdp" in (axes if isinstance(axes, tuple) else (axes,)) for axes in spec)
