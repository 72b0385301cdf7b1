"""Running a model over trajectories of all lengths in batches of few shapes.

Trajectories are packed into rows of a few fixed shapes, so that a run compiles a few programs
however many lengths there are. A value does not depend on what else is in the row, the batch or the
call.
"""

import dataclasses
from collections.abc import Callable, Sequence

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from prm_jax.data.packing import Bins, fill
from prm_jax.models import batch_sharding
from prm_jax.text.encode import Encoded

ROW_LENGTHS = (64, 512)
"""Trajectories up to 64 tokens share rows of 64, longer ones rows of 512; beyond, rows double."""
BATCH_TOKENS = 8192
STEP_SLOTS = 8


@dataclasses.dataclass(frozen=True)
class _Bucket:
    """Trajectories that share one shape of batch; `layout` lists those of each row."""

    row_length: int
    max_steps: int
    layout: list[list[int]]


def step_values(
    encoded: Sequence[Encoded],
    forward: Callable[[dict], np.ndarray],
    *,
    batch_tokens: int = BATCH_TOKENS,
    mesh=None,
    progress: Callable[[int], None] | None = None,
) -> list[list]:
    """One number a step, or an array of them, from a function of packed batches.

    Args:
        encoded: trajectories.
        forward: takes a batch as `data.packing.fill` gives it, returns f[B,S] or f[B,S,C]; what it
            says of slots without a step is not read.
        batch_tokens: tokens of one batch, padding included; at least one row is run.
        mesh: mesh whose data axes the rows are spread over.
        progress: called with the number of trajectories that the last batch finished.

    Returns:
        Per trajectory, in the order given, a number a step, or f[C]; None where the step did not
        fit.
    """
    values: list[list] = [[None] * item.n_steps for item in encoded]
    if progress and (unfit := sum(not len(item.step_positions) for item in encoded)):
        progress(unfit)
    for bucket in _buckets(encoded):
        n_rows = _rows(bucket, batch_tokens, mesh)
        for first in range(0, len(bucket.layout), n_rows):
            layout = bucket.layout[first : first + n_rows]
            padded = layout + [[]] * (n_rows - len(layout))
            batch = fill(padded, encoded, bucket.row_length, bucket.max_steps)
            s_BS = forward(batch)
            places = np.argwhere(batch["step_mask"])
            for row, slot in places:
                example, step = batch["step_example"][row, slot], batch["step_index"][row, slot]
                values[example][step] = (
                    s_BS[row, slot].tolist() if s_BS.ndim == 2 else s_BS[row, slot]
                )
            if progress:
                progress(sum(map(len, layout)))
    return values


def on_mesh(function, model, params, inputs, mesh) -> np.ndarray:
    """`function(model, params, inputs)` as a numpy array, its rows spread over a mesh if any."""
    if mesh is None:
        return np.asarray(function(model, params, inputs))
    with jax.set_mesh(mesh):
        inputs = jax.device_put(inputs, batch_sharding(mesh))
        out = function(model, params, inputs)
        return np.asarray(jax.device_put(out, NamedSharding(mesh, PartitionSpec())))


def _buckets(encoded):
    """Groups trajectories by row length and packs each group, longest first."""
    groups: dict[int, list[int]] = {}
    for example, item in enumerate(encoded):
        if len(item.step_positions):
            groups.setdefault(_row_length(len(item.tokens)), []).append(example)
    for row_length, examples in sorted(groups.items()):
        examples = sorted(examples, key=lambda example: -len(encoded[example].tokens))
        bins = Bins(len(examples), row_length, row_length)
        for example in examples:
            bins.place(example, len(encoded[example].tokens), len(encoded[example].step_positions))
        layout = [row for row in bins.layout if row]
        most = max(sum(len(encoded[example].step_positions) for example in row) for row in layout)
        yield _Bucket(row_length, max(STEP_SLOTS, power_of_two(most)), layout)


def _row_length(n_tokens):
    for length in ROW_LENGTHS:
        if n_tokens <= length:
            return length
    return power_of_two(n_tokens)


def _rows(bucket, batch_tokens, mesh):
    """Rows of a batch: a power of two, and a multiple of the mesh's data axes."""
    within = max(1, batch_tokens // bucket.row_length)
    rows = min(power_of_two(len(bucket.layout)), 1 << (within.bit_length() - 1))
    shards = data_shards(mesh)
    return -(-rows // shards) * shards


def data_shards(mesh):
    """Over how many devices, or groups of them, the rows of a batch are spread."""
    return 1 if mesh is None else mesh.shape["data"] * mesh.shape["fsdp"]


def power_of_two(n):
    """A power of two that is not less than n, the least one if n > 0."""
    return 1 << (n - 1).bit_length()
