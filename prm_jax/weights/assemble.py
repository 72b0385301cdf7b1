"""Building our parameter tree from stored tensors, each read once and taken apart into shards."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.errors import InputError, few
from prm_jax.models import check_experts, from_paths, param_shardings, paths
from prm_jax.weights import layout

EXPERTS = "layers_0/mlp/experts/gate/kernel"
DEVICE_ALIGNMENT = 64  # bytes; XLA's CPU client copies host buffers that start anywhere else
BLOCK = 1 << 16  # numbers that are looked at together, so that they stay in the processor's cache


def assemble(source, rows, abstract, *, dtype, mesh=None, ignorable=()):
    """Reads every parameter of `abstract` from `source`.

    A process reads only what its own devices hold, and that once, however many of them hold it. On
    the host are at any time the shards of the parameter in hand and one stored tensor.

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
            names the first of each kind. A tensor with NaN or an infinity.
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
        experts = leaves.get(EXPERTS)
        check_experts(experts.shape[1] if experts is not None else 0, mesh)
        shardings = paths(param_shardings(abstract, mesh))
    arrays, firsts = {}, first_rows(rows, leaves)
    for row in rows:
        shape, part = leaves[row.path].shape, Part(source, firsts[row.path])
        arrays[row.path] = load(part, row, shape, shardings[row.path], jnp.dtype(dtype))
        arrays[row.path].block_until_ready()  # what is on its way to a device is on the host too
    return from_paths(arrays)


@dataclasses.dataclass(frozen=True)
class Part:
    """A source seen from row `first` of each stored tensor on."""

    source: Any
    first: int

    def read(self, key, index):
        """As the source's `read`."""
        rows, *others = index
        rows = slice(rows.start + self.first, rows.stop + self.first)
        return self.source.read(key, (rows, *others))


def stored_shape(row, leaves):
    """The shape in which a row's parameter (one layer or expert of it) is stored."""
    return layout.stored_shape(row.layout, leaves[row.path].shape[row.n_stacks :])


def first_rows(rows, leaves):
    """{path: the row of the stored tensor that each parameter begins at}: 0 but for fused ones."""
    layouts = {row.path: row for row in rows}
    return {
        row.path: sum(
            stored_shape(layouts[path], leaves)[0]
            for path in row.fused[: row.fused.index(row.path) if row.fused else 0]
        )
        for row in rows
    }


def load(source, row, shape, sharding, dtype):
    """One parameter as an array that is spread over its devices.

    Args:
        source, dtype: as in `assemble`.
        row: the parameter's `hf_tables.Row`.
        shape: of the whole parameter.
        sharding: jax.sharding.Sharding.
    """
    holders: dict[tuple, list] = {}  # block -> devices of this process that hold it
    for device, index in sharding.addressable_devices_indices_map(shape).items():
        block = tuple(piece.indices(size)[:2] for piece, size in zip(index, shape, strict=True))
        holders.setdefault(block, []).append(device)
    shards = {block: aligned_empty([b - a for a, b in block], dtype) for block in holders}
    n_stacks = row.n_stacks
    for index in np.ndindex(*shape[:n_stacks]):
        of_tensor = {
            block[n_stacks:]: shard[tuple(i - start for i, (start, _) in zip(index, block))]
            for block, shard in shards.items()
            if all(start <= i < stop for i, (start, stop) in zip(index, block))
        }
        key = row.key_at(*index)
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is named below
            fill(source, row, key, shape[n_stacks:], of_tensor)
        if not all(map(is_finite, of_tensor.values())):
            raise InputError(
                f"holds NaN, or numbers beyond {dtype.name}",
                file=source.source.file,
                field=key,
                remedy="fetch the weights again, or take an earlier checkpoint",
            )
    arrays = []
    for block, (device, *others) in holders.items():
        array = jax.device_put(shards.pop(block), device)
        # From device to device: two must not share one buffer of the host.
        arrays += [array, *(jax.device_put(array, other) for other in others)]
    return jax.make_array_from_single_device_arrays(shape, sharding, arrays)


def fill(source, row, key, shape, shards):
    """Fills the parts of one stored tensor that are wanted, reading it once.

    Args:
        source: as in `assemble`.
        row: whose layout it has.
        key: its key.
        shape: of the whole tensor, in our order of axes.
        shards: {((start, stop) of each axis): array to fill}; no two overlap.
    """

    def read(block):
        index = tuple(slice(*ends) for ends in block)
        return layout.read(row.layout, shape, index, lambda stored: source.read(key, stored))

    if not shards:
        return
    ends = list(zip(*shards))
    hull = tuple((min(a for a, _ in axis), max(b for _, b in axis)) for axis in ends)
    if sum(map(_volume, shards)) < _volume(hull):
        for block, shard in shards.items():
            shard[...] = read(block)
        return
    stored = read(hull)
    for block, shard in shards.items():
        inside = tuple(slice(a - low, b - low) for (a, b), (low, _) in zip(block, hull))
        shard[...] = stored[inside]


def is_finite(array) -> bool:
    """Whether no number of an array is NaN or an infinity."""
    numbers = array.reshape(-1)
    blocks = (numbers[start : start + BLOCK] for start in range(0, len(numbers), BLOCK))
    return all(np.isfinite(block.astype(np.float32, copy=False)).all() for block in blocks)


def _volume(block):
    return math.prod(b - a for a, b in block)


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
        stored = stored_shape(row, leaves)
        for index in np.ndindex(*leaves[row.path].shape[: row.n_stacks]):
            key = row.key_at(*index)
            n_rows = expected[key][0] if row.fused and key in expected else 0
            expected[key] = (n_rows + stored[0], *stored[1:])
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
        f"{what}: {few(keys)}"
        for what, keys in (
            (_missing(missing, getattr(source, "unlisted", ())), missing),
            ("tensors that no parameter takes", surplus),
            ("wrong shapes", differing),
        )
        if keys
    ]
    if problems:
        raise InputError(
            "; ".join(problems),
            file=source.file,
            remedy="take the configuration and the weights from one checkpoint; which heads are "
            "read is in docs/data_formats.md",
        )


def _missing(keys, unlisted):
    """What to say of missing tensors; some may be in the index and in no file."""
    return "missing tensors" + (" that the index lists" if set(keys) & set(unlisted) else "")
