"""Packing trajectories of different lengths into batches of one fixed shape.

First fit: a trajectory goes to the first row that has room for its tokens and for its steps.
Segment ids keep trajectories of one row apart, so a packed batch gives the same numbers as its
trajectories alone.
"""

from collections.abc import Sequence

import numpy as np

from prm_jax.errors import InputError

PADDING_EXAMPLE = -1
Batch = dict[str, np.ndarray]


class Bins:
    """Room left in the rows of one batch."""

    def __init__(self, rows, row_length, max_steps):
        self._free_tokens = np.full(rows, row_length)
        self._free_steps = np.full(rows, max_steps)
        self.layout: list[list[int]] = [[] for _ in range(rows)]

    def place(self, example, n_tokens, n_steps) -> bool:
        """Puts `example` into the first row with room for it; says whether there was one."""
        fits = (self._free_tokens >= n_tokens) & (self._free_steps >= n_steps)
        if not fits.any():
            return False
        row = int(fits.argmax())
        self._free_tokens[row] -= n_tokens
        self._free_steps[row] -= n_steps
        self.layout[row].append(example)
        return True


def pack(encoded, rows, row_length, max_steps) -> Batch:
    """Packs trajectories into one batch.

    Args:
        encoded: sequence of `text.encode.Encoded`.
        rows: B.
        row_length: T, in tokens.
        max_steps: S, the steps a row can hold.

    Returns:
        The batch of numpy arrays that docs/architecture.md describes; `step_example` numbers the
        trajectories in the order given.

    Raises:
        InputError: if they do not all fit.
    """
    bins = Bins(rows, row_length, max_steps)
    for example, item in enumerate(encoded):
        check_fits(item, row_length, max_steps, f"trajectory {example}")
        if not bins.place(example, len(item.tokens), len(item.step_positions)):
            raise InputError(
                f"{len(encoded)} trajectories do not fit into {rows} rows of {row_length} tokens",
                field="rows",
                remedy="raise rows or row_length",
            )
    return fill(bins.layout, encoded, row_length, max_steps)


def check_fits(item, row_length, max_steps, name):
    """Raises `InputError` if one encoded trajectory is larger than a row."""
    if len(item.tokens) > row_length:
        raise InputError(
            f"{name} has {len(item.tokens)} tokens, more than a row of {row_length}",
            field="row_length",
            remedy="raise row_length or lower max_length",
        )
    if len(item.step_positions) > max_steps:
        raise InputError(
            f"{name} has {len(item.step_positions)} steps, more than the {max_steps} of a row",
            field="max_steps",
            remedy="raise max_steps or lower max_length",
        )


def fill(layout: Sequence[Sequence[int]], encoded, row_length, max_steps) -> Batch:
    """Builds the arrays of a batch.

    Args:
        layout: for each row the numbers, in `encoded`, of the trajectories it holds.
        encoded: `text.encode.Encoded` by number, a sequence or a dict.
        row_length: T.
        max_steps: S.

    Returns:
        The batch of numpy arrays that docs/architecture.md describes.
    """
    shape_BT, shape_BS = (len(layout), row_length), (len(layout), max_steps)
    batch = {
        "tokens": np.zeros(shape_BT, np.int32),
        "positions": np.zeros(shape_BT, np.int32),
        "segment_ids": np.zeros(shape_BT, np.int32),
        "step_positions": np.zeros(shape_BS, np.int32),
        "step_mask": np.zeros(shape_BS, bool),
        "label_mask": np.zeros(shape_BS, bool),
        "step_labels": np.zeros(shape_BS, np.float32),
        "step_example": np.full(shape_BS, PADDING_EXAMPLE, np.int32),
        "step_index": np.zeros(shape_BS, np.int32),
        "step_starts": np.zeros(shape_BS, np.int32),
        "step_unit": np.zeros(shape_BS, np.int32),
        "step_part": np.zeros(shape_BS, np.int32),
        "outcome_mask": np.zeros(shape_BS, bool),
        "outcomes": np.zeros(shape_BS, np.float32),
        "prover_mask": np.zeros(shape_BS, bool),
        "prover_labels": np.zeros(shape_BS, np.float32),
    }
    for row, examples in enumerate(layout):
        token = step = segment = 0
        for unit, example in enumerate(examples, start=1):
            for part, item in enumerate(encoded[example].parts or [encoded[example]]):
                n_tokens, n_steps = len(item.tokens), len(item.step_positions)
                segment += 1
                tokens = np.s_[row, token : token + n_tokens]
                steps = np.s_[row, step : step + n_steps]
                batch["tokens"][tokens] = item.tokens
                batch["positions"][tokens] = np.arange(n_tokens)
                batch["segment_ids"][tokens] = segment
                batch["step_positions"][steps] = token + np.asarray(item.step_positions)
                batch["step_mask"][steps] = True
                batch["label_mask"][steps] = item.label_mask
                batch["step_labels"][steps] = np.where(item.label_mask, item.labels, 0)
                batch["step_example"][steps] = example
                numbers = item.step_index
                batch["step_index"][steps] = np.arange(n_steps) if numbers is None else numbers
                batch["step_starts"][steps] = token + np.asarray(item.step_starts)
                batch["step_unit"][steps] = unit
                batch["step_part"][steps] = part
                if item.outcome is not None and n_steps:
                    batch["outcome_mask"][row, step + n_steps - 1] = True
                    batch["outcomes"][row, step + n_steps - 1] = item.outcome
                if item.prover_labels is not None:
                    known = ~np.isnan(item.prover_labels)
                    batch["prover_mask"][steps] = known
                    batch["prover_labels"][steps] = np.where(known, item.prover_labels, 0)
                token, step = token + n_tokens, step + n_steps
    return batch
