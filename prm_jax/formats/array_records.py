"""Trajectories in array_record files: any one is read by its number, without reading the others.

A set NAME is the files NAME-00000-of-00004.array_record and so on, in order. A record is one row,
the UTF-8 bytes of a JSON object. The names that tensorflow-datasets gives its files
(NAME.array_record-00000-of-00004) are read too.
"""

import bisect
import itertools
import json
import os
import re
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from array_record.python import array_record_module

from prm_jax.errors import InputError
from prm_jax.files import check_writable
from prm_jax.json_values import dumps, plain
from prm_jax.records import Trajectory, Where

SUFFIX = ".array_record"
SHARD_SIZE = 100_000
# A group of one record makes a read by number cost one record.
WRITER_OPTIONS = "group_size:1,zstd:3"
READER_OPTIONS = "readahead_buffer_size:0,max_parallelism:0"
_SHARD = re.compile(r"(?P<name>.*?)(\.array_record)?-(?P<number>\d{5})-of-(?P<count>\d{5}).*")


def is_array_record(path) -> bool:
    """Whether a file is of this kind, by its name."""
    return re.search(r"\.array_record(-\d+-of-\d+)?$", str(path)) is not None


def write(path, trajectories, shard_size=SHARD_SIZE) -> list[Path]:
    """Writes a set of trajectories; all its files appear at the end, or none does.

    Args:
        path: NAME or NAME.array_record; the files of an older set of that name are replaced.
        trajectories: iterable of `Trajectory`, or of dicts; values that JSON does not know are
            written as `json_values` says.
        shard_size: records of a file.

    Returns:
        The files, in order.

    Raises:
        InputError: there is no trajectory, or one holds NaN, an infinity, text that is not
            Unicode or a value without a form in JSON.
    """
    if shard_size < 1:
        raise InputError(f"{shard_size} is below 1", field="shard_size")
    name = Path(str(path).removesuffix(SUFFIX))
    check_writable(name)
    rows = (row.to_dict() if isinstance(row, Trajectory) else row for row in trajectories)
    numbered = enumerate(rows)
    with tempfile.TemporaryDirectory(dir=name.parent, prefix=f".{name.name}.") as folder:
        parts: list[Path] = []
        while chunk := list(itertools.islice(numbered, 1)):
            part = Path(folder) / str(len(parts))
            _write_file(part, itertools.chain(chunk, itertools.islice(numbered, shard_size - 1)))
            parts.append(part)
        if not parts:
            raise InputError("there are no trajectories to write", file=path)
        files = [Path(f"{name}-{i:05d}-of-{len(parts):05d}{SUFFIX}") for i in range(len(parts))]
        for part, file in zip(parts, files):
            os.replace(part, file)
    for old in name.parent.iterdir():
        match = _SHARD.fullmatch(old.name)
        if match and match["name"] == name.name and is_array_record(old) and old not in files:
            old.unlink()
    return files


def check_complete(files):
    """Raises `InputError` if files of a set are missing, or are left from an older one."""
    sets: dict[str, dict[str, set[int]]] = {}
    for file in files:
        if is_array_record(file) and (match := _SHARD.fullmatch(str(file))):
            counts = sets.setdefault(match["name"], {})
            counts.setdefault(match["count"], set()).add(int(match["number"]))
    for name, counts in sets.items():
        if len(counts) > 1:
            raise InputError(
                f"there are sets of {' and of '.join(str(int(c)) for c in sorted(counts))} files",
                file=name,
                remedy="remove the one that is out of date",
            )
        ((count, numbers),) = counts.items()
        if missing := sorted(set(range(int(count))) - numbers):
            raise InputError(
                f"{len(missing)} of {int(count)} files are missing, the first is number "
                f"{missing[0]}",
                file=name,
                remedy="name all files of the set, or make it again",
            )


class ArrayRecords(Sequence):
    """The rows of array_record files, read when asked for; safe to use from several threads.

    `records[number]` is `(Where, row)`; its line is the number in its file, counted from 1.

    Args:
        files: the files, in order.

    Raises:
        InputError: a file is missing, damaged or empty.
    """

    def __init__(self, files):
        self.files = [str(file) for file in files]
        self._readers = [_open(file) for file in self.files]
        self._locks = [threading.Lock() for _ in self.files]
        self._ends = list(itertools.accumulate(reader.num_records() for reader in self._readers))

    def __len__(self):
        return self._ends[-1]

    def __getitem__(self, number):
        file, position = self._place(number)
        where = self.where(number)
        # A seek and a read cost a tenth of `read([position])`, which starts threads.
        with self._locks[file]:
            try:
                self._readers[file].seek(position)
                raw = self._readers[file].read()
            except (RuntimeError, IndexError) as error:
                raise where.error("the record cannot be read", remedy="make the file again") from (
                    error
                )
        try:
            row = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise where.error(
                f"the record is not JSON: {error}", remedy="write it with formats.array_records"
            ) from error
        return where, plain(row, where)

    def where(self, number) -> Where:
        """The place of a record, which is not read."""
        file, position = self._place(number)
        return Where(self.files[file], position + 1)

    def _place(self, number):
        if not 0 <= number < len(self):
            raise IndexError(number)
        file = bisect.bisect_right(self._ends, number)
        return file, number - (self._ends[file - 1] if file else 0)


def rows(path, skip_bad=None):
    """Streams `(Where, row)` of one file.

    Args:
        path: the file.
        skip_bad: a `Rejects` that takes records which are not JSON; None raises at the first.

    Raises:
        InputError: as `ArrayRecords`, or for a bad record.
    """
    records = ArrayRecords([path])
    for number in range(len(records)):
        try:
            yield records[number]
        except InputError as error:
            if skip_bad is None:
                raise
            skip_bad.add(error, "")


def _write_file(path, numbered):
    writer = array_record_module.ArrayRecordWriter(str(path), WRITER_OPTIONS)
    try:
        for number, row in numbered:
            try:
                writer.write(dumps(row).encode())
            except ValueError as error:
                problem = f"trajectory {number} cannot be written: {error}"
                raise InputError(problem) from error
    finally:
        writer.close()
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _open(file):
    reader = array_record_module.ArrayRecordReader(
        file, options=READER_OPTIONS, file_reader_buffer_size=32768
    )
    if not Path(file).is_file():
        raise InputError("no such file or directory", file=file)
    if not reader.ok():
        raise InputError("is not a whole array_record file", file=file, remedy="is it cut off?")
    if not reader.num_records():
        raise InputError("the file is empty", file=file)
    return reader
