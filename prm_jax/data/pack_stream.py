"""Packing a stream of trajectories into batches as it comes (see `packing`)."""

import collections

import grain

from prm_jax.data.packing import Bins
from prm_jax.errors import InputError
from prm_jax.text.encode import Encoded, EncodeReport


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
