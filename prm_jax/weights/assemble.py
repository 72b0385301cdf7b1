"""Building our parameter tree from stored tensors, each shard read straight to its device."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.errors import InputError
from prm_jax.models import from_paths, param_shardings, paths
from prm_jax.weights import layout

DEVICE_ALIGNMENT = 64  # bytes; XLA's CPU client copies host buffers that start anywhere else


def assemble(source, rows, abstract, *, dtype, mesh=None, ignorable=()):
    """Reads every parameter of `abstract` from `source`.

    A parameter is read shard by shard inside `jax.make_array_from_callback`, so a process reads
    only what its own devices hold, and at no time is there more on the host than the parameter in
    hand.

    Args:
        source: has `.file` (for messages), `.shapes` (dict: key -> stored shape) and `.read(key,
            index)`, which returns a block of a stored tensor as a numpy array.
        rows: the `hf_tables.Row`s that may apply; those whose path is not in `abstract` are left
            out.
        abstract: nested dict of `jax.ShapeDtypeStruct`, the tree to fill.
        dtype: dtype of the parameters.
        mesh: mesh with axes ('data', 'fsdp', 'tensor'), or None for the default device.
        ignorable: compiled patterns of keys that carry no parameter (rotary buffers and the like).

    Returns:
        The nested dict of arrays.

    Raises:
        InputError: keys left over, keys missing, or shapes that differ from the architecture's;
            lists all of them.
    """
    leaves = paths(abstract)
    rows = [row for row in rows if row.path in leaves]
    if unknown := sorted(set(leaves) - {row.path for row in rows}):
        raise InputError(f"no table row for parameters {', '.join(unknown)}", file=source.file)
    check(source, rows, leaves, ignorable)
    if mesh is None:
        one_device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
        shardings = dict.fromkeys(leaves, one_device)
    else:
        shardings = paths(param_shardings(abstract, mesh))
    arrays = {
        row.path: jax.make_array_from_callback(
            leaves[row.path].shape,
            shardings[row.path],
            reader(source, row, leaves[row.path].shape, jnp.dtype(dtype)),
        )
        for row in rows
    }
    return from_paths(arrays)


def reader(source, row, shape, dtype):
    """The callback that reads one block of one parameter, converted tensor by tensor."""

    def read(index):
        block = aligned_empty(
            [len(range(*piece.indices(size))) for piece, size in zip(index, shape, strict=True)],
            dtype,
        )
        if row.stacked:
            layers, *inner = index
            for place, layer in enumerate(range(*layers.indices(shape[0]))):
                block[place] = one(row.key.format(layer), shape[1:], tuple(inner))
        else:
            block[...] = one(row.key, shape, index)
        return block

    def one(key, shape, index):
        return layout.read(row.layout, shape, index, lambda stored: source.read(key, stored))

    return read


def aligned_empty(shape, dtype):
    """An empty array that a CPU device takes over as it is, instead of copying it."""
    n_bytes = math.prod(shape) * dtype.itemsize
    buffer = np.empty(n_bytes + DEVICE_ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % DEVICE_ALIGNMENT
    return buffer[start : start + n_bytes].view(dtype).reshape(shape)


def check(source, rows, leaves, ignorable):
    """Raises `InputError` unless the source holds exactly what `rows` need, in the right shapes."""
    expected: dict[str, tuple[int, ...]] = {}
    for row in rows:
        shape = leaves[row.path].shape
        if row.stacked:
            stored = layout.stored_shape(row.layout, shape[1:])
            expected |= {row.key.format(layer): stored for layer in range(shape[0])}
        else:
            expected[row.key] = layout.stored_shape(row.layout, shape)
    missing = sorted(set(expected) - set(source.shapes))
    surplus = sorted(
        key
        for key in set(source.shapes) - set(expected)
        if not any(pattern.search(key) for pattern in ignorable)
    )
    differing = sorted(
        f"{key} is {list(source.shapes[key])} and should be {list(shape)}"
        for key, shape in expected.items()
        if key in source.shapes and tuple(source.shapes[key]) != shape
    )
    problems = [
        f"{what}: {', '.join(keys)}"
        for what, keys in (
            ("missing tensors", missing),
            ("tensors that no parameter takes", surplus),
            ("wrong shapes", differing),
        )
        if keys
    ]
    if problems:
        raise InputError("; ".join(problems), file=source.file)
