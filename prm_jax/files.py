"""Writing files so that a reader never sees half of one, also where the disk is full."""

import atexit
import contextlib
import errno
import functools
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from prm_jax.errors import InputError

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# Libraries in other languages pass on the text of these errors and not their number.
NO_ROOM_TEXT = re.compile("|".join(os.strerror(number) for number in NO_ROOM), re.IGNORECASE)
GO_ON = "make room, then the same command goes on from what is finished"


@contextlib.contextmanager
def atomic_write(path, mode="w"):
    """Opens a temporary file beside `path`, renamed to it when the block ends without an exception.

    Args:
        path: the file to write; its directory is made if it does not exist.
        mode: 'w' for UTF-8 text, 'wb' for bytes.

    Yields:
        The open file. On an exception the temporary file is removed and `path` is left as it was.

    Raises:
        InputError: as `check_writable`, or there is no room.
    """
    with atomic_path(path) as temporary:
        with open(temporary, mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file


@contextlib.contextmanager
def atomic_path(path):
    """Gives the name of an empty temporary file, which takes `path`'s place like `atomic_write`'s.

    For writers that open the file themselves. What is no file (a device, a pipe) keeps its place:
    it is written to when the block ends. Of a link the target is replaced.

    Args:
        path: the file to write; its directory is made if it does not exist.

    Yields:
        The temporary file's path.

    Raises:
        InputError: as `atomic_write`.
    """
    check_writable(path)
    if is_special(path):
        with _through_a_file(path) as temporary:
            yield temporary
        return
    path = Path(os.path.realpath(path))  # a link stays, and what it points to is replaced
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(descriptor)
    try:
        with room_for(path):
            yield temporary
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


@contextlib.contextmanager
def _through_a_file(path):
    """A temporary file whose content goes into a device or pipe when the block ends."""
    with tempfile.TemporaryDirectory(prefix="prm_jax.") as folder:
        temporary = os.path.join(folder, "output")
        Path(temporary).touch()
        with room_for(temporary):
            yield temporary
        try:
            with open(temporary, "rb") as source, open(path, "wb") as target:
                shutil.copyfileobj(source, target)
        except OSError as error:
            raise InputError(
                f"cannot be written: {(error.strerror or str(error)).lower()}", file=path
            ) from error


def is_special(path) -> bool:
    """Whether something is there that is neither a file nor a directory: a device, a pipe."""
    if os.path.abspath(path).startswith(("/dev/", "/proc/")):
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def beside(output, ending: str) -> Path:
    """The file beside an output: OUTPUT.meta.json and the like.

    A device or pipe has nothing beside it; what would be there lies in a temporary directory, which
    the end of this process removes.
    """
    return _scratch() / f"output{ending}" if is_special(output) else Path(f"{output}{ending}")


@functools.cache
def _scratch():
    folder = tempfile.mkdtemp(prefix="prm_jax.")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def check_writable(path, make: bool = True):
    """Finds out whether a file can be written, by opening one without a name where it would be.

    Args:
        path: the file.
        make: whether to make its directory; without, the nearest one that exists is tried.

    Raises:
        InputError: the directory cannot be made or written to, or `path` is itself a directory.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError("is a directory", file=path, remedy="give the name of a file to write")
    if is_special(path):
        if not os.access(path, os.W_OK):
            raise InputError("cannot be written", file=path, remedy="write to another place")
        return
    _check_parent(path, make)


def check_place(directory) -> None:
    """Finds out whether a directory can be made, or replaced; makes the one that it lies in.

    Args:
        directory: where it would be.

    Raises:
        InputError: that cannot be made or written to, or something else is in its place.
    """
    if is_special(directory) or os.path.isfile(directory):
        raise InputError(
            "is no directory", file=directory, remedy="give the name of a directory to write"
        )
    _check_parent(Path(directory), make=True)


def _check_parent(path, make):
    folder = Path(os.path.realpath(path)).parent
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.stat(path)  # a link to itself leads nowhere
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        while not folder.exists():
            folder = folder.parent
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"cannot be written: {(error.strerror or str(error)).lower()}",
            file=path,
            remedy="write to another directory",
        ) from error


@contextlib.contextmanager
def room_for(path, needed: int | None = None, remedy: str = GO_ON):
    """Turns an error that says there is no room, raised in the block, into an `InputError`.

    Args:
        path: what the block writes.
        needed: bytes it takes, if that is known.
        remedy: what to do.

    Raises:
        InputError: the disk or the quota is full, or a file would be larger than is allowed.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, InputError) or not (problem := no_room(error)):
            raise
        takes = "" if needed is None else f"it takes {in_bytes(needed)}, "
        free = f"{takes}{in_bytes(_free(path))} are free"
        raise InputError(
            f"cannot be written: {problem.lower()} ({free})", file=path, remedy=remedy
        ) from error


def no_room(error: BaseException | None) -> str:
    """What an error, or one that it came from, says about missing room; '' if nothing."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            return os.strerror(error.errno)
        if not isinstance(error, OSError) and (found := NO_ROOM_TEXT.search(str(error))):
            return found.group()
        error = error.__cause__ or error.__context__
    return ""


def in_bytes(number: int) -> str:
    """A number of bytes for people: '1.6 GB'."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} bytes"


class LineFile:
    """A file that lines are added to; what was added is in it whole, or not at all.

    A process that is killed may leave its last line cut.

    Args:
        path: the file, made if it does not exist.
    """

    def __init__(self, path):
        self._path = Path(path)
        # Without a buffer, which would try again to write what did not fit when it is closed.
        self._file = open(path, "ab", buffering=0)

    def append(self, lines: Iterable[str], sync: bool = False):
        """Adds lines.

        Args:
            lines: each with its end.
            sync: whether they are to survive a loss of power, and not only of the process.

        Raises:
            InputError: there is no room; the file is as it was.
        """
        rest, before = memoryview("".join(lines).encode()), os.fstat(self._file.fileno()).st_size
        with room_for(self._path):
            try:
                while rest:
                    rest = rest[self._file.write(rest) :]
                if sync:
                    os.fsync(self._file.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    self._file.truncate(before)
                raise

    def close(self):
        """Closes the file."""
        self._file.close()


def write_json(path, values):
    """Writes a JSON file, indented; it appears whole or not at all."""
    with atomic_write(path) as file:
        json.dump(values, file, indent=2, ensure_ascii=False)
        file.write("\n")


def _free(path):
    """Bytes free where `path` is or would be."""
    place = Path(path).absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free
