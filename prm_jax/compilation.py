"""Where compiled programs are kept between commands."""

import hashlib
import os
import platform
from pathlib import Path

import jax
from absl import logging

from prm_jax.weights.artifacts import cache_directory

LEAST_SECONDS = 0.1
"""A program that compiles faster is not kept."""


def keep_programs() -> None:
    """Keeps compiled programs in the user's cache, unless jax is told another place or none.

    `JAX_COMPILATION_CACHE_DIR` names another, `JAX_ENABLE_COMPILATION_CACHE=false` keeps none.
    Programs of a CPU are kept apart from those of other kinds of CPU, which could not run them: a
    home directory may be shared. They are machine code that is run, so a directory that others may
    write to is not used.
    """
    if jax.config.values["jax_compilation_cache_dir"] is None:
        place = cache_directory() / "xla" / _kind_of_machine()
        if not _is_ours_alone(place):
            logging.warning("%s: others may write here, so compiled programs are not kept", place)
            return
        jax.config.update("jax_compilation_cache_dir", str(place))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", LEAST_SECONDS)


def _is_ours_alone(place):
    """Whether only this user may write to a directory, which is made if it does not exist."""
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = place.stat()
    except OSError:
        return True  # nothing is read there, and jax says that nothing can be kept
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _kind_of_machine():
    """A short name for the instructions that this machine's processor has."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        can = next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        can = platform.processor()
    return f"{platform.machine()}-{hashlib.sha256(can.encode()).hexdigest()[:12]}"
