"""Sequences of tokens merged into trees, in which what several begin with is there once.

In lexicographic order a sequence shares with the one before it all that it shares with any before
it. So each goes on where it parts from the last one, and the row that results holds the trees of
all sequences in depth-first order.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

BLOCK = 128
"""Queries that are attended from together; rows are multiples of it."""


@dataclasses.dataclass(frozen=True)
class TreeRow:
    """A row of trees.

    Fields:
        tokens: i32[n].
        end: i32[n] the place after each token's last descendant, or after itself if it has none.
        depth: i32[n] number of each token's ancestors.
        ancestors: for each block of `BLOCK` tokens, the places of its first token's ancestors.
        places: by the number of each sequence in the row, i32 places of its tokens.
    """

    tokens: np.ndarray
    end: np.ndarray
    depth: np.ndarray
    ancestors: list[np.ndarray]
    places: dict[int, np.ndarray]


def merge(sequences: Sequence[np.ndarray], capacity: int) -> Iterator[TreeRow]:
    """Lays sequences out in rows of trees.

    A tree that is larger than a row, or than what is left of one, is split; what its parts share
    is then in both rows.

    Args:
        sequences: i32[n] each; equal ones take no more room than one.
        capacity: most tokens of a row, at least as many as the longest sequence has.

    Yields:
        `TreeRow`; every sequence is in one of them.
    """
    # Any order of whole tokens will do, and that of bytes is quick.
    order = sorted(range(len(sequences)), key=lambda number: sequences[number].tobytes())
    row, last = _Growing(capacity), np.zeros(0, np.int32)
    for number in order:
        sequence = sequences[number]
        shared = _common_prefix(last, sequence)
        if row.length + len(sequence) - shared > capacity:
            yield row.finished()
            row, shared = _Growing(capacity), 0
        row.add(number, sequence, shared)
        last = sequence
    if order:
        yield row.finished()


class _Growing:
    """A row that sequences are added to in lexicographic order."""

    def __init__(self, capacity):
        self.length = 0
        self._tokens, self._end, self._depth = np.zeros((3, capacity), np.int32)
        self._path = np.zeros(0, np.int32)
        self._ancestors: list[np.ndarray] = []
        self._places: dict[int, np.ndarray] = {}

    def add(self, number, sequence, shared):
        """Adds a sequence that shares `shared` tokens with the one before it."""
        start, stop = self.length, self.length + len(sequence) - shared
        self._end[self._path[shared:]] = start
        new = np.arange(start, stop, dtype=np.int32)
        self._path = np.concatenate([self._path[:shared], new])
        self._tokens[start:stop] = sequence[shared:]
        self._depth[start:stop] = np.arange(shared, len(sequence))
        for first in range(-(-start // BLOCK) * BLOCK, stop, BLOCK):
            self._ancestors.append(self._path[: self._depth[first]])
        self._places[number] = self._path
        self.length = stop

    def finished(self):
        self._end[self._path] = self.length
        tokens, end, depth = (a[: self.length] for a in (self._tokens, self._end, self._depth))
        return TreeRow(tokens, end, depth, self._ancestors, self._places)


def _common_prefix(one, other):
    n = min(len(one), len(other))
    differ = np.flatnonzero(one[:n] != other[:n])
    return int(differ[0]) if len(differ) else n
