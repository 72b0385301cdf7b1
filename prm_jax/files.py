"""Writing files so that a reader never sees half of one."""

import contextlib
import json
import os
import tempfile
from pathlib import Path

from prm_jax.errors import InputError


@contextlib.contextmanager
def atomic_write(path, mode="w"):
    """Opens a temporary file beside `path`, renamed to it when the block ends without an exception.

    Args:
        path: the file to write; its directory is made if it does not exist.
        mode: 'w' for UTF-8 text, 'wb' for bytes.

    Yields:
        The open file. On an exception the temporary file is removed and `path` is left as it was.

    Raises:
        InputError: as `check_writable`.
    """
    check_writable(path)
    path = Path(path)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def check_writable(path):
    """Makes the directory of a file to be written.

    Raises:
        InputError: it cannot be made or written to, or `path` is itself a directory.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError("is a directory", file=path, remedy="give the name of a file to write")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot be written: {(error.strerror or str(error)).lower()}",
            file=path,
            remedy="write to another directory",
        ) from error
    if not os.access(path.parent, os.W_OK):
        raise InputError(
            "cannot be written: no permission", file=path, remedy="write to another directory"
        )


def write_json(path, values):
    """Writes a JSON file, indented; it appears whole or not at all."""
    with atomic_write(path) as file:
        json.dump(values, file, indent=2, ensure_ascii=False)
        file.write("\n")
