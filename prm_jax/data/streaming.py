"""Trajectories that stay in their array_record files and are encoded when the stream asks for them.

A `Corpus` indexes these as it indexes a list. An item may be a reason, a str, in place of what was
asked for: the stream then leaves that record out and counts the reason.
"""

import bisect
import hashlib
import itertools
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from prm_jax import formats
from prm_jax.data.sources import Source, fingerprint, is_held_out
from prm_jax.errors import InputError
from prm_jax.formats import array_records
from prm_jax.records import Trajectory

SAMPLE = 256  # records that are read at the start, to find bad data and to tell sets apart
HELD_OUT, BAD_ROW, WITHOUT_LABEL = "held_out", "bad_row", "without_label"


def is_streamable(source: Source) -> bool:
    """Whether a source is array_record files only, and nothing asks to compare its problems."""
    if source.synthetic or "exclude" in source.options:
        return False
    return all(array_records.is_array_record(file) for file in formats.files(source.path))


class TrajectoryRecords(Sequence):
    """The trajectories of a source in array_record files, or reasons to leave them out.

    Args:
        source: its path stands for array_record files, each record one trajectory.
        held_out_fraction: share of the problems that are left out of training.
        skip_bad: whether bad records are left out; otherwise they raise.

    Raises:
        InputError: the files cannot be read, or (when it is read) a record is bad.
    """

    def __init__(self, source: Source, held_out_fraction=0.0, skip_bad=False):
        self.records = array_records.ArrayRecords(formats.files(source.path))
        self._read_row = formats.row_reader(**source.options)
        self._fraction, self._skip_bad = held_out_fraction, skip_bad
        # The first good record decides the format, in whatever order they are drawn.
        if all(self[number] == BAD_ROW for number in range(len(self))):
            raise InputError("no record could be read", file=source.path)

    def __len__(self):
        return len(self.records)

    def __getitem__(self, number):
        try:
            trajectory = self._trajectory(number)
        except InputError:
            if self._skip_bad:
                return BAD_ROW
            raise
        return HELD_OUT if is_held_out(trajectory.problem, self._fraction) else trajectory

    def held_out(self, limit) -> list[Trajectory]:
        """At most `limit` held-out trajectories, from records all over the set.

        About twice as many records are read as the fraction makes necessary.
        """
        if not self._fraction:
            return []
        n_read = min(len(self), math.ceil(2 * limit / self._fraction))
        found: list[Trajectory] = []
        for number in random.Random(0).sample(range(len(self)), n_read):
            if self[number] == HELD_OUT:
                found.append(self._trajectory(number))
                if len(found) == limit:
                    break
        return found

    def sample(self) -> list[int]:
        """Numbers of records spread evenly over the set."""
        n = min(SAMPLE, len(self))
        return [i * len(self) // n for i in range(n)]

    def fingerprint(self) -> str:
        """SHA-256, in hex, of the files' sizes and of a sample of trajectories."""
        sizes = [Path(file).stat().st_size for file in self.records.files]
        digest = hashlib.sha256(f"{len(self)} {sizes} {self._fraction}".encode())
        found = (self[number] for number in self.sample())
        digest.update(
            fingerprint([item for item in found if isinstance(item, Trajectory)]).encode()
        )
        return digest.hexdigest()

    def _trajectory(self, number):
        where, row = self.records[number]
        found = self._read_row(row, where)
        if len(found) != 1:
            raise where.error(
                f"the record gives {len(found)} trajectories, streaming needs one",
                remedy="write the trajectories with formats.array_records.write",
            )
        return found[0]


def encode_on_demand(records: TrajectoryRecords, encode_one):
    """The encoded records and their names, as sequences that read nothing before they are asked.

    Args:
        records: the trajectories.
        encode_one: `encode_one(trajectory or reason, name)` gives an `Encoded` or a reason.

    Returns:
        `(items, names)`; a name is the file and record.

    Raises:
        InputError: a record of the sample is bad, or all of them are left out.
    """

    def name(number):
        return records.records.where(number).name

    def item(number):
        encoded = encode_one(records[number], name(number))
        if isinstance(encoded, str) or encoded.label_mask.any():
            return encoded
        return WITHOUT_LABEL

    found = [item(number) for number in records.sample()]
    if all(isinstance(one, str) for one in found):
        raise InputError(
            f"none of {len(found)} records over the whole set can be learnt from",
            file=records.records.files[0],
            remedy="look at the labels of its trajectories, and at data.unlabelled",
        )
    return Mapped(item, len(records)), Mapped(name, len(records))


class Mapped(Sequence):
    """`function(number)` for every number below `length`, called when asked for."""

    def __init__(self, function: Callable, length: int):
        self._function, self._length = function, length

    def __len__(self):
        return self._length

    def __getitem__(self, number):
        if not 0 <= number < self._length:
            raise IndexError(number)
        return self._function(number)


class Joined(Sequence):
    """Sequences one after the other, without copying them."""

    def __init__(self, parts: Sequence[Sequence]):
        self._parts = parts
        self._ends = list(itertools.accumulate(len(part) for part in parts))

    def __len__(self):
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, number):
        if not 0 <= number < len(self):
            raise IndexError(number)
        part = bisect.bisect_right(self._ends, number)
        return self._parts[part][number - (self._ends[part - 1] if part else 0)]
