"""Running a model over trajectories so that what several begin with is computed once.

The trajectories of a call are merged into trees: candidates share their problem, the paths of a
search their steps, and the order of the call does not matter. The values are those of
`scoring.batched.step_values`.
"""

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from prm_jax.data.prefix_trees import BLOCK, merge
from prm_jax.errors import InputError
from prm_jax.models.attention_trees import STAGES, Trees
from prm_jax.scoring.batched import BATCH_TOKENS, STEP_SLOTS, data_shards, power_of_two
from prm_jax.text.encode import Encoded


@dataclasses.dataclass
class TokenCounts:
    """Tokens of the trajectories, and how many of them were computed; padding is in neither."""

    given: int = 0
    computed: int = 0


def require_shareable(model, encoded):
    """Raises `InputError` where a shared prefix would not have the values that it has alone.

    Args:
        model: `Decoder`; its head may read more than the ends of steps, and its rotary embedding
            may depend on the length of the whole solution.
        encoded: the trajectories, `Encoded`.
    """
    ropes = [model.config.rope, model.config.rope_sliding or model.config.rope]
    limits = [rope.original_max_position for rope in ropes if rope.by_length]
    longest = max((len(item.tokens) for item in encoded), default=0)
    if limits and longest > min(limits):
        raise InputError(
            f"a solution of {longest} tokens is longer than {min(limits)}, beyond which the model "
            "rotates all of its tokens otherwise than those of shorter solutions",
            field="share_prefixes",
            remedy=f"score without share_prefixes, or with max_length={min(limits)}",
        )
    head = model.head
    if head.kind == "easy_to_hard" or head.gate:
        reads = "tokens beside a step's last one" if not head.gate else "both directions together"
        raise InputError(
            f"the model's head reads {reads}, which is not done where prefixes are shared",
            field="share_prefixes",
            remedy="score without share_prefixes",
        )


def tree_step_values(
    encoded: Sequence[Encoded],
    forward: Callable[[dict], np.ndarray],
    *,
    batch_tokens: int = BATCH_TOKENS,
    mesh=None,
    progress: Callable[[int], None] | None = None,
    counts: TokenCounts | None = None,
) -> list[list]:
    """One number a step, or an array of them, from a function of batches of trees.

    Args:
        encoded: trajectories, each of one part.
        forward: takes 'tokens', 'trees' and 'step_positions', returns f[B,S] or f[B,S,C].
        batch_tokens: most tokens of one batch, but for a trajectory that is longer. Trees that do
            not fit are split.
        mesh: mesh whose data axes the rows are spread over; without one a batch is one row.
        progress: called with the number of trajectories that the last batch finished.
        counts: added to.

    Returns:
        As `scoring.batched.step_values`.
    """
    values: list[list] = [[None] * item.n_steps for item in encoded]
    fitted = [number for number, item in enumerate(encoded) if len(item.step_positions)]
    if progress and len(fitted) < len(encoded):
        progress(len(encoded) - len(fitted))
    if not fitted:
        return values
    shards = data_shards(mesh)
    sequences = [encoded[number].tokens for number in fitted]
    capacity = max(batch_tokens // shards, *map(len, sequences))
    in_rows = merge(sequences, capacity)
    while rows := list(itertools.islice(in_rows, shards)):
        ends = [_step_ends(row.places, fitted, encoded) for row in rows]
        # A step that several trajectories share is read once.
        slots = [np.unique(np.concatenate([*of_row.values()])) for of_row in ends]
        n_slots = max(STEP_SLOTS, power_of_two(max(map(len, slots))))
        step_positions_BS = np.zeros((shards, n_slots), np.int32)
        for row, of_row in enumerate(slots):
            step_positions_BS[row, : len(of_row)] = of_row
        s_BS = forward({**_fill(rows, shards), "step_positions": step_positions_BS})
        for row, (of_row, slots_of_row) in enumerate(zip(ends, slots)):
            for number, at_steps in of_row.items():
                found = s_BS[row, np.searchsorted(slots_of_row, at_steps)]
                values[number][: len(found)] = found.tolist() if s_BS.ndim == 2 else list(found)
        if counts is not None:
            counts.given += sum(len(encoded[number].tokens) for of_row in ends for number in of_row)
            counts.computed += sum(len(row.tokens) for row in rows)
        if progress:
            progress(sum(map(len, ends)))
    return values


def _step_ends(places, fitted, encoded):
    """Where in its row each step of each trajectory ends, by the trajectory's number."""
    numbers = ((fitted[n], of_sequence) for n, of_sequence in places.items())
    return {number: at[encoded[number].step_positions] for number, at in numbers}


def _fill(rows, n_rows):
    """'tokens' i32[B,T] and 'trees' of a batch of few shapes.

    In the padding of a row, and in the rows after those given, a token sees itself.
    """
    length = _rounded_length(max(len(row.tokens) for row in rows))
    most = max(len(ancestors) for row in rows for ancestors in row.ancestors)
    shape_BT = (n_rows, length)
    tokens_BT, depth_BT = np.zeros(shape_BT, np.int32), np.zeros(shape_BT, np.int32)
    end_BT = np.tile(np.arange(1, length + 1, dtype=np.int32), (n_rows, 1))
    shape_BMP = (n_rows, length // BLOCK, _rounded_ancestors(most))
    ancestors_BMP = np.full(shape_BMP, length, np.int32)
    for index, row in enumerate(rows):
        used = np.s_[index, : len(row.tokens)]
        tokens_BT[used], depth_BT[used], end_BT[used] = row.tokens, row.depth, row.end
        for block, ancestors in enumerate(row.ancestors):
            ancestors_BMP[index, block, : len(ancestors)] = ancestors
    return {"tokens": tokens_BT, "trees": Trees(end_BT, depth_BT, ancestors_BMP)}


def _rounded_length(n):
    """Up by less than a quarter, and to whole blocks."""
    return _rounded(n, max(BLOCK, power_of_two(n) // 8))


def _rounded_ancestors(n):
    """Up by less than a half, and to whole stages; 0 stays 0."""
    return _rounded(n, max(32 * STAGES, power_of_two(n) // 4))


def _rounded(n, unit):
    return -(-n // unit) * unit
