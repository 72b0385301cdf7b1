"""Where compiled programs are kept between commands, and how long compiling took."""

import contextlib
import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
from absl import logging

from prm_jax.files import write_json
from prm_jax.json_values import number
from prm_jax.progress import Progress, clock
from prm_jax.weights.artifacts import cache_directory

LEAST_SECONDS = 0.1
"""A program that compiles faster is not kept."""
SECONDS = "prm_jax_seconds.json"
"""File beside the compiled programs: by program, how long the first result of it took."""
MOST_RECORDED = 256
WORTH_RECORDING = 1.0
"""Seconds; what takes less needs no estimate."""
LONGEST = 1e6
"""Seconds; more is no time that anybody waited."""
NOT_KNOWN = "how long is not known: seconds for a small model, minutes for a large one"


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


class FirstResult:
    """The clock of work that compiles a program before its first result.

    It says how long that took the last time, if the same program had its first result then and
    compiled programs are kept.

    Args:
        show: where the clock is shown.
        about: what the program is made from, JSON-able; devices and versions are added.
    """

    def __init__(self, show: Progress, about: Mapping[str, Any]):
        self._show = show
        devices = [jax.devices()[0].device_kind, jax.device_count()]
        text = json.dumps([about, jax.__version__, devices], sort_keys=True, default=str)
        self._key = hashlib.sha256(text.encode()).hexdigest()[:16]
        self._began: float | None = None

    @property
    def awaited(self) -> bool:
        """Whether the first result is being waited for."""
        return self._began is not None

    def wait(self, total: int | None = None, first: int = 0) -> None:
        """Starts the clock."""
        before = _recorded().get(self._key)
        usual = NOT_KNOWN if before is None else f"took {clock(before)} the last time"
        self._show.wait("compiling", usual, total, first)
        self._began = time.monotonic()

    def came(self) -> None:
        """Stops the clock and records what it says."""
        if self._began is None:
            return
        seconds, self._began = time.monotonic() - self._began, None
        place = _place()
        if place is not None and seconds >= WORTH_RECORDING:
            known = _recorded()
            known.pop(self._key, None)
            newest = list(known.items())[-MOST_RECORDED + 1 :]
            with contextlib.suppress(OSError):  # an estimate is not worth a failure
                write_json(place, dict([*newest, (self._key, round(seconds, 1))]))


def counted_from_first(
    show: Progress, what: str, about: Mapping[str, Any]
) -> Callable[[int, int], None]:
    """A function of (finished, all) pieces of work, the first of which compile programs.

    Args:
        show: where the clock of the first pieces is shown, and then how many are finished.
        what: what is done to the pieces, such as 'scoring'.
        about: as `FirstResult` takes it.

    Returns:
        The function; its first call says how many pieces were finished before.
    """
    first_result = FirstResult(show, about)
    begun_with: list[int] = []

    def update(done, total):
        if not begun_with and done < total:
            begun_with.append(done)
            first_result.wait(total, done)
            return
        if first_result.awaited:
            first_result.came()
            show.begin(what, total, *begun_with)
        show.update(done, total)

    return update


def _place():
    """The file of seconds, or None where no programs are kept, or not on this machine's disks."""
    directory = jax.config.values["jax_compilation_cache_dir"]
    if not directory or "://" in directory or not jax.config.values["jax_enable_compilation_cache"]:
        return None
    return Path(directory) / SECONDS


def _recorded() -> dict[str, float]:
    place = _place()
    if place is None:
        return {}
    try:
        found = json.loads(place.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    read = {key: number(value) for key, value in found.items()} if isinstance(found, dict) else {}
    return {key: s for key, s in read.items() if s is not None and 0 <= s < LONGEST}
