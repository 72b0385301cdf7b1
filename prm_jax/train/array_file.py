"""An array on the disk that is computed a part at a time; one that was stopped goes on.

A CRC-32 of each part tells whether it is what was written; what is not is computed again.
"""

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from absl import logging

from prm_jax import crc32
from prm_jax.errors import InputError
from prm_jax.files import room_for, write_json
from prm_jax.json_files import read_json

VALUES, DONE = "states.bin", "done.json"
SUMS = "crc32"


class ArrayFile:
    """An array in a memory-mapped file, and how many parts of it are computed.

    Args:
        directory: its own; made if it does not exist.
        dtype, shape: of the array; another size than the file's begins anew.
        part: what a part is called in its record, such as 'batches'.

    Attributes:
        values: np.memmap, to be read and written.
        done: number of parts that are computed.

    Raises:
        InputError: there is no room for the array.
    """

    def __init__(self, directory, dtype, shape, part: str):
        self._directory, self._part = Path(directory), part
        self._directory.mkdir(parents=True, exist_ok=True)
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        path = self._directory / VALUES
        if not path.is_file() or path.stat().st_size != size:
            write_json(self._directory / DONE, {part: 0, SUMS: []})
            _reserve(path, size)
        self.values = np.memmap(path, dtype, "r+", shape=shape)
        self._sums = self._recorded()
        self.done = len(self._sums)

    def check(self, places: Sequence[Iterable[slice]]) -> None:
        """Takes parts for missing, from the first on that is not what was written, with a warning.

        Args:
            places: of each part, where it lies in the array.
        """
        for number, of_part in enumerate(places[: self.done]):
            if self._sums[number] != crc32.of_arrays(self.values[place] for place in of_part):
                self._begin_again_at(number, "is not what was written")
                return

    def keep(self, places: Iterable[slice]) -> None:
        """Notes that the next part is computed and where it lies; `finish` records it."""
        self._sums.append(crc32.of_arrays(self.values[place] for place in places))

    def finish(self) -> None:
        """Records that the parts that were kept are on the disk."""
        self.values.flush()
        write_json(self._directory / DONE, {self._part: len(self._sums), SUMS: self._sums})
        self.done = len(self._sums)

    def _recorded(self):
        """The checksums of the finished parts."""
        try:
            record = read_json(self._directory / DONE, {self._part: int, SUMS: list})
        except InputError as error:  # damaged, or of an earlier version
            logging.warning("%s: computed again, as it cannot be checked", error)
            return []
        return record[SUMS][: max(record[self._part], 0)]

    def _begin_again_at(self, number, problem):
        logging.warning(
            "%s: %s %d %s; computed again from there",
            self._directory / VALUES,
            self._part,
            number + 1,
            problem,
        )
        del self._sums[number:]
        self.done = number


def _reserve(path, size):
    """Makes a file of `size` bytes that are on the disk.

    A mapped file whose bytes find no room when they are written ends the process without a word.
    """
    try:
        with room_for(path, size), open(path, "wb") as file:
            if size and hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        raise
