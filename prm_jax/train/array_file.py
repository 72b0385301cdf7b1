"""An array on the disk that is computed a part at a time; one that was stopped goes on."""

import contextlib
import json
import os
from pathlib import Path

import numpy as np

from prm_jax.files import room_for, write_json

VALUES, DONE = "states.bin", "done.json"


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
            write_json(self._directory / DONE, {part: 0})
            _reserve(path, size)
        self.values = np.memmap(path, dtype, "r+", shape=shape)
        self.done = json.loads((self._directory / DONE).read_text(encoding="utf-8"))[part]

    def finish(self, parts: int) -> None:
        """Records that the first `parts` parts are on the disk."""
        self.values.flush()
        write_json(self._directory / DONE, {self._part: parts})
        self.done = parts


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
