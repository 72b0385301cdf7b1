"""Running a model over trajectories of all lengths in batches of few shapes.

Trajectories are packed into rows of a few fixed shapes, and rows into batches of one or two sizes,
so that a run compiles few programs however many trajectories and lengths there are, and another
file compiles none. A value does not depend on what else is in the row, the batch or the call.
"""

import dataclasses
from collections.abc import Callable, Sequence

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from prm_jax.data.packing import Bins, fill
from prm_jax.models import batch_sharding, check_row_length, row_shares
from prm_jax.text.encode import Encoded

ROW_LENGTHS = (64, 512)
"""Trajectories up to 64 tokens share rows of 64, longer ones up to 512 rows of 512. Beyond, a row
has the fewest of 768, 1024, 1536, 2048, ... tokens that hold the trajectory."""
BATCH_TOKENS = 8192
SMALL_BATCH_TOKENS = 512
"""Tokens of a small batch, which is at least one row. Rows that do not fill a batch run in small
ones: a second shape instead of one for every number of rows, and hardly a padded row. On a CPU all
rows do, since its caches hold such a batch; `experiments.benchmark --suite=score` measures both."""
STEP_SLOTS = 8
TOKENS_OF_A_STEP = 4
"""A row has room for a step every so many tokens; trajectories with more steps have rows of their
own."""


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
        batch_tokens: most tokens of one batch, padding included; at least one row is run.
        mesh: mesh whose data axes the rows are spread over, and their tokens over 'sequence'.
        progress: called with the number of trajectories that the last batch finished.

    Returns:
        Per trajectory, in the order given, a number a step, or f[C]; None where the step did not
        fit.
    """
    values: list[list] = [[None] * item.n_steps for item in encoded]
    if progress and (unfit := sum(not len(item.step_positions) for item in encoded)):
        progress(unfit)
    for bucket in _buckets(encoded):
        if mesh is not None:
            check_row_length(bucket.row_length, mesh)
        for layout, n_rows in _batches(bucket, batch_tokens, mesh):
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
    """Groups trajectories by the shape of their row and packs each group, longest first."""
    groups: dict[tuple[int, int], list[int]] = {}
    for example, item in enumerate(encoded):
        if len(item.step_positions):
            groups.setdefault(_shape(item), []).append(example)
    for (row_length, max_steps), examples in sorted(groups.items()):
        examples = sorted(examples, key=lambda example: -len(encoded[example].tokens))
        bins = Bins(len(examples), row_length, max_steps)
        for example in examples:
            bins.place(example, len(encoded[example].tokens), len(encoded[example].step_positions))
        yield _Bucket(row_length, max_steps, [row for row in bins.layout if row])


def _shape(item):
    """Length of a trajectory's row and the steps it holds; neither depends on others."""
    row_length = _row_length(len(item.tokens))
    usual = max(STEP_SLOTS, row_length // TOKENS_OF_A_STEP)
    return row_length, max(usual, power_of_two(len(item.step_positions)))


def _row_length(n_tokens):
    for length in ROW_LENGTHS:
        if n_tokens <= length:
            return length
    longest = power_of_two(n_tokens)
    return longest * 3 // 4 if n_tokens <= longest * 3 // 4 else longest


def _batches(bucket, batch_tokens, mesh):
    """Rows of each batch, and how many it has room for: full ones, then small ones."""
    shards = data_shards(mesh)

    def n_rows(tokens):
        within = max(1, min(tokens, batch_tokens) // bucket.row_length)
        return -(-within // shards) * shards

    small = n_rows(SMALL_BATCH_TOKENS)
    large = small if jax.default_backend() == "cpu" else n_rows(batch_tokens)
    in_large = len(bucket.layout) // large * large
    for first in range(0, in_large, large):
        yield bucket.layout[first : first + large], large
    for first in range(in_large, len(bucket.layout), small):
        yield bucket.layout[first : first + small], small


def data_shards(mesh):
    """Over how many devices, or groups of them, the rows of a batch are spread."""
    return 1 if mesh is None else row_shares(mesh)


def power_of_two(n):
    """A power of two that is not less than n, the least one if n > 0."""
    return 1 << (n - 1).bit_length()
