"""Several processes that train one model together: how they meet, stop and fail.

Every process runs the same program on its own devices. A collective waits for all of them, so none
can go on without the others: when one is lost, the rest end too, and all are started again.
"""

import contextlib
import json
import os
import platform
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
import traceback
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from prm_jax.errors import InputError, one_line

HEARTBEAT_SECONDS = 30  # after so long without a sign a process counts as lost
START_SECONDS = 300  # for all processes to come
SHUTDOWN_SECONDS = 3600  # for all to finish: the first one may be writing the export
GATHERED_BYTES = 4096  # what processes tell each other is padded to a multiple of it
GRACE_SECONDS = 2  # without the first process jax aborts the others before they can say why
AGAIN = "start all processes again to continue from the last checkpoint"
LOST = re.compile(
    r"gloo|nccl|connection (closed|reset|refused)|heartbeat|unavailable|coordination service"
    r"|barrier|remote process",
    re.IGNORECASE,
)


@contextlib.contextmanager
def joined(coordinator=None, num_processes=None, process_id=None, detect=False):
    """Makes this process one of several for the block; without arguments it stays alone.

    To be entered before anything asks jax for devices. If the block raises in one of several
    processes, that process says why and ends at once: leaving in order would wait for the others,
    which wait for it. SystemExit is raised by all of them at the same point, and leaves in order.
    When the first process is lost jax ends the others without an exception; a shell beside each
    process then says what to do.

    Args:
        coordinator: HOST:PORT where the first process listens.
        num_processes: number of processes.
        process_id: number of this one, from 0.
        detect: take what is not given from the cluster (TPU pod, Slurm, GKE, Open MPI).

    Raises:
        InputError: only some of the arguments are given, no cluster is detected, or the processes
            do not find each other.
    """
    given = (coordinator, num_processes, process_id)
    if not detect and given == (None, None, None):
        yield
        return
    _check(given, detect)
    # Not asked of jax, which might wait for the others to answer.
    name = f"the process on {platform.node()}"
    if process_id is not None and num_processes is not None:
        name = f"process {process_id} of {num_processes}"
    # It would take SIGTERM for itself, also before anything asks whether it came.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(
            *given,
            initialization_timeout=START_SECONDS,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=SHUTDOWN_SECONDS,
        )
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"the processes do not find each other: {str(error)[:300]}",
            field="coordinator",
            remedy="start all with the same --coordinator and --num_processes, each with its own "
            "--process_id",
        ) from error
    forget = _announce_if_cut_off(name)
    try:
        yield
    except SystemExit:
        jax.distributed.shutdown()
        forget()
        raise
    except BaseException as error:
        forget()
        _end(error, name, is_first=process_id == 0)
    jax.distributed.shutdown()
    forget()


@contextlib.contextmanager
def noticing_stop(mesh):
    """Yields a function without arguments: whether to save and stop, since SIGTERM or SIGINT came.

    The second SIGINT (Ctrl-C) ends the process at once.

    Of several processes it is enough that one gets the signal. All must call the function equally
    often, and all get the same answer, which is that of their call before.

    Args:
        mesh: mesh of all their devices.
    """
    stop = threading.Event()
    asked = stop.is_set if jax.process_count() == 1 else _Anywhere(stop.is_set, mesh)
    before: dict[int, Any] = {}

    def note(number, _):
        stop.set()
        if signal.SIGINT in before:
            signal.signal(signal.SIGINT, before[signal.SIGINT])
        _came.append(number)

    if threading.current_thread() is not threading.main_thread():  # where no signal arrives
        yield asked
        return
    _came.clear()
    for stopping in (signal.SIGTERM, signal.SIGINT):
        # A process in the background of a shell ignores Ctrl-C, and goes on ignoring it.
        if stopping == signal.SIGTERM or signal.getsignal(stopping) != signal.SIG_IGN:
            before[stopping] = signal.signal(stopping, note)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_came: list[int] = []


def stopped_code() -> int:
    """The exit code of a process that was asked to stop and has saved: 130 after SIGINT, or 143."""
    return 128 + (_came[0] if _came else signal.SIGTERM)


def gathered(value) -> list:
    """The values that all processes call this with, in their order; JSON-able."""
    if jax.process_count() == 1:
        return [value]
    text = json.dumps(value).encode()
    longest = multihost_utils.process_allgather(np.int32(len(text))).max()
    size = -(-longest // GATHERED_BYTES) * GATHERED_BYTES  # a program is compiled for each size
    texts = multihost_utils.process_allgather(np.frombuffer(text.ljust(size), np.uint8))
    return [json.loads(text.tobytes()) for text in texts]


def check_same(values, name):
    """Raises in every process unless all of them call this with the same values.

    Args:
        values: JSON-able values by what messages call them.
        name: what messages call them together.

    Raises:
        InputError: names what differs from the first process.
    """
    first, *others = gathered(values)
    different = [
        f"{key} is {first.get(key)!r} in process 0 and {other.get(key)!r} in process {number}"
        for number, other in enumerate(others, 1)
        for key in sorted(first.keys() | other.keys())
        if other.get(key) != first.get(key)
    ]
    if different:
        raise InputError(
            f"the processes have different {name}: {'; '.join(different)}",
            remedy="start all of them with the same command, files and workdir",
        )


class _Anywhere:
    """Whether something held in any process when all called this the last time.

    The answer is read one call late, so that no call waits for the devices.
    """

    def __init__(self, holds, mesh):
        self._holds, self._shape = holds, (mesh.size,)
        self._sharding = NamedSharding(mesh, P(mesh.axis_names))
        self._any = jax.jit(jnp.max, out_shardings=NamedSharding(mesh, P()))
        self._answer: jax.Array | None = None

    def __call__(self):
        here = np.array([self._holds()], np.int32)
        flags = jax.make_array_from_callback(self._shape, self._sharding, lambda _: here)
        before, self._answer = self._answer, self._any(flags)
        return before is not None and bool(before)


def _check(given, detect):
    _, num_processes, process_id = given
    if not detect and None in given:
        raise InputError(
            "coordinator, num_processes and process_id belong together",
            field="coordinator",
            remedy="give all three, or --distributed where the cluster is detected",
        )
    if num_processes is not None and process_id is not None and process_id >= num_processes:
        raise InputError(
            f"process {process_id} is not one of {num_processes}",
            field="process_id",
            remedy="count from 0",
        )


def _announce_if_cut_off(name):
    """Has a shell say what to do should this process end before it calls what is returned."""
    words = f"error: {name} was cut off: another process was lost, or this one killed; {AGAIN}"
    script = f"trap '' HUP INT TERM; read -r line || echo {shlex.quote(words)} >&2"
    shell = subprocess.Popen(["/bin/sh", "-c", script], stdin=subprocess.PIPE)
    return lambda: shell.communicate(b"\n")


def _end(error, name, is_first):
    """Says why this process ends, and ends it without waiting for anything."""
    text, code = str(error), 1
    if isinstance(error, InputError):
        code = 2
    elif isinstance(error, Exception) and LOST.search(text):
        text = f"another process was lost ({one_line(text)[:300]}); {AGAIN}"
    else:
        traceback.print_exception(error)
        text = f"{type(error).__name__}: {text}"
    print(f"error: {name}: {one_line(text)}", file=sys.stderr, flush=True)
    sys.stdout.flush()
    if is_first:
        time.sleep(GRACE_SECONDS)
    os._exit(code)
