"""Packing trajectories of different lengths into batches of one fixed shape.

First fit: a trajectory goes to the first row that has room for its tokens and for its steps.
Segment ids keep trajectories of one row apart, so a packed batch gives the same numbers as its
trajectories alone.
"""

import collections
from collections.abc import Sequence

import grain
import numpy as np

from prm_jax.errors import InputError
from prm_jax.text.encode import Encoded, EncodeReport

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


class PackIterDataset(grain.IterDataset):
    """Groups a stream of trajectories into batches by first fit.

    Its elements are `(layout, items)`: for each row the example numbers, and `Encoded` by number.

    An example that fits no row of the batch being filled waits; `lookahead` waiting examples close
    the batch, and the next one begins with them. Every example comes out exactly once, but for
    those that are a reason in place of an `Encoded` or are larger than a row: these are counted.

    Args:
        parent: grain dataset of `(example number, encoded[number])`.
        encoded: sequence of `Encoded`, or of reasons (str).
        rows, row_length, max_steps: shape of a batch.
        lookahead: examples that may wait before a batch is closed; more fill rows better.
    """

    def __init__(self, parent, encoded, rows, row_length, max_steps, lookahead=32):
        super().__init__(parent)
        self.encoded = encoded
        self.shape = (rows, row_length, max_steps)
        self.lookahead = lookahead

    def __iter__(self):
        return _PackIterator(iter(self._parent), self)


def _nothing_to_pack(left_out):
    reasons = ", ".join(f"{reason} {n}" for reason, n in left_out.items())
    return InputError(
        f"all the trajectories that one reader goes through are left out: {reasons}",
        field="data.train",
        remedy="shuffle them with data.shuffle, or look at their labels",
    )


class _PackIterator(grain.DatasetIterator):
    """State between two batches: the parent's, the numbers of those that wait, and the counts."""

    def __init__(self, parent, dataset):
        super().__init__(parent)
        self._dataset = dataset
        self._waiting: list[tuple[int, Encoded]] = []
        self._report = EncodeReport()
        self._left_out: collections.Counter[str] = collections.Counter()

    def __next__(self):
        bins = Bins(*self._dataset.shape)
        items: dict[int, Encoded] = {}

        def place(example, item):
            placed = bins.place(example, len(item.tokens), len(item.step_positions))
            if placed:
                items[example] = item
            return placed

        self._waiting = [waiting for waiting in self._waiting if not place(*waiting)]
        left_out = 0
        while len(self._waiting) < self._dataset.lookahead:
            try:
                example, item = next(self._parent)
            except StopIteration:
                break
            if not self._is_usable(item):
                left_out += 1
                if left_out > len(self._dataset.encoded) and not items:
                    raise _nothing_to_pack(self._left_out)
            elif not place(int(example), item):
                self._waiting.append((int(example), item))
        if not any(bins.layout):
            raise StopIteration
        return bins.layout, items

    def empty_layout(self):
        """The layout of rows that hold nothing."""
        return Bins(*self._dataset.shape).layout

    def _is_usable(self, item):
        """Whether an example can be learnt from; counts it."""
        if isinstance(item, str):
            self._left_out[item] += 1
            return False
        _, row_length, max_steps = self._dataset.shape
        if len(item.tokens) > row_length or len(item.step_positions) > max_steps:
            self._left_out["larger_than_a_row"] += 1
            return False
        self._report.add(item)
        return True

    def get_state(self):
        return {
            "parent": self._parent.get_state(),
            "waiting": [example for example, _ in self._waiting],
            "drawn": {**self._report.to_dict(), "left_out": dict(self._left_out)},
        }

    def set_state(self, state):
        self._parent.set_state(state["parent"])
        self._waiting = [(i, self._dataset.encoded[i]) for i in state["waiting"]]
        counts = dict(state["drawn"])
        self._left_out = collections.Counter(counts.pop("left_out"))
        self._report = EncodeReport(**counts)
