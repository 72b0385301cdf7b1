"""A lock on what a command writes, released by the end of its process however it ends."""

import contextlib
import errno
import fcntl
import json
import os
import shlex
import socket
import sys
from pathlib import Path

from absl import logging

from prm_jax.errors import InputError

UNSUPPORTED = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})
"""What file systems say that have no locks."""
REFUSED = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}
    | {errno.ENAMETOOLONG, errno.ENOSPC, errno.EDQUOT, errno.EEXIST}
)
"""What is said of a place where nothing can be written."""


@contextlib.contextmanager
def held(path, within: bool = False):
    """Holds the lock on an output or a workdir while the block runs.

    The lock is that of the system (flock) on a hidden file, which is removed at the end. A process
    that is killed leaves the file but not the lock. On a file system without locks a warning says
    so; on one that other hosts write to as well, theirs count only if it passes them on.

    Args:
        path: of what is written, there or not.
        within: whether the lock lies in the directory `path`, and not beside `path`.

    Raises:
        InputError: another process holds it; says which.
    """
    if not within and not Path(os.path.realpath(path)).name:
        # The root has nothing beside it; that it is no output is another check's to say.
        yield
        return
    file = lock_file(path, within)
    missing = [folder for folder in file.parents if not folder.exists()]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(file, path)
    except OSError as error:
        if error.errno not in REFUSED:  # whether it can be written is another check's to say
            why = "" if error.errno in UNSUPPORTED else f" ({(error.strerror or '').lower()})"
            logging.warning(
                "%s: no lock is possible here%s; start one process at a time", path, why
            )
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            file.unlink()
        os.close(descriptor)
        with contextlib.suppress(OSError):
            for folder in missing:  # made for the lock, and nothing came into them
                folder.rmdir()


def lock_file(path, within: bool = False) -> Path:
    """Where the lock of an output or a workdir lies."""
    path = Path(os.path.realpath(path))
    return path / ".lock" if within else path.with_name(f".{path.name}.lock")


def _locked(file, path):
    """The descriptor of the lock file, locked and with the name of this process in it."""
    while True:
        descriptor, own = _opened(file)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(descriptor)
            os.close(descriptor)
            raise InputError(
                f"is being written by {holder}",
                file=path,
                remedy="wait until that process ends, or choose another place",
            ) from error
        except OSError:
            os.close(descriptor)
            raise
        # The one before may have removed the file between opening and locking.
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), os.stat(file)):
                break
        os.close(descriptor)
    if not own:
        return descriptor
    os.ftruncate(descriptor, 0)
    me = {
        "host": socket.gethostname(),
        "process": os.getpid(),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }
    os.pwrite(descriptor, (json.dumps(me) + "\n").encode(), 0)
    return descriptor


def _opened(file):
    """A descriptor of the lock file, and whether it can be written: one that a killed process of
    another user left may be locked all the same."""
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), True
    except PermissionError:
        return os.open(file, os.O_RDONLY | os.O_CLOEXEC), False


def _holder(descriptor):
    """Who holds a lock, in words."""
    try:
        named = json.loads(os.pread(descriptor, 10_000, 0))
        return f"process {named['process']} on {named['host']} ({named['command'][:200]})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
