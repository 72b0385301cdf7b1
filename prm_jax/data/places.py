"""Where trajectories and steps lie in the rows of a packed batch."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from prm_jax.text.encode import Encoded

FEWEST = 8
"""Fewest entries of a list of steps."""


def trajectory_places(batch: Mapping[str, np.ndarray]) -> Iterator[tuple[int, slice, int]]:
    """Each trajectory, or unit of several, of a batch that has a step there.

    Args:
        batch: as `data.packing.fill` gives it.

    Yields:
        (row, its tokens in the row, its number in `step_example`).
    """
    for row, segments_T in enumerate(batch["segment_ids"]):
        real_S = batch["step_mask"][row]
        of_step = segments_T[batch["step_positions"][row]][real_S]
        units, examples = (batch[f"step_{name}"][row][real_S] for name in ("unit", "example"))
        for unit in np.unique(units):
            mine = units == unit
            segments = [of_step[mine].min(), of_step[mine].max() + 1]
            begin, end = np.searchsorted(_ascending(segments_T), segments)
            yield row, slice(int(begin), int(end)), int(examples[mine][0])


def problem_tokens(batch: Mapping[str, np.ndarray], encoded: Sequence[Encoded]) -> np.ndarray:
    """Which tokens stand before the first step of their trajectory: bool[B,T].

    Args:
        batch: as `data.packing.fill` gives it.
        encoded: what it was filled from.
    """
    mask_BT = np.zeros(batch["tokens"].shape, bool)
    for row, tokens, example in trajectory_places(batch):
        mask_BT[row, tokens.start : tokens.start + encoded[example].step_starts[0]] = True
    return mask_BT


def problem_ends(batch: Mapping[str, np.ndarray], encoded: Sequence[Encoded]) -> np.ndarray:
    """The last token before the first step of each step's trajectory: i32[B,S], 0 without a step.

    Args:
        batch: as `data.packing.fill` gives it.
        encoded: what it was filled from, single trajectories; one that begins with its first step
            has its first token taken.
    """
    ends_BS = batch["step_positions"]
    begin_BS = ends_BS - np.take_along_axis(batch["positions"], ends_BS, axis=1)
    n_tokens = [item.step_starts[0] if len(item.step_starts) else 0 for item in encoded]
    last = np.maximum(np.array(n_tokens, np.int32) - 1, 0)
    return np.where(batch["step_mask"], begin_BS + last[batch["step_example"]], 0).astype(np.int32)


def listed_steps(
    batch: Mapping[str, np.ndarray], mask_BS: np.ndarray
) -> tuple[dict[str, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Some steps of a batch as a list, whose length is one of few so that few programs are made.

    Args:
        batch: as `data.packing.fill` gives it.
        mask_BS: bool[B,S], the steps to list.

    Returns:
        `row`, `start`, `end`, i32[N]: each step's row, and its first and last token there, and
        zeros after the last; and the (rows, slots) of the steps alone.
    """
    rows, slots = np.nonzero(mask_BS)
    size = max(FEWEST, 1 << (len(rows) - 1).bit_length())
    columns = {
        "row": rows,
        "start": batch["step_starts"][rows, slots],
        "end": batch["step_positions"][rows, slots],
    }
    pad = (0, size - len(rows))
    return {name: np.pad(x.astype(np.int32), pad) for name, x in columns.items()}, (rows, slots)


def _ascending(segments_T):
    """Segment ids with the padding at the row's end, 0, made the largest."""
    return np.where(segments_T == 0, np.iinfo(segments_T.dtype).max, segments_T)
