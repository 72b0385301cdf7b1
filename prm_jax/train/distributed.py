"""Several processes that train one model together: how they meet, stop and fail.

Every process runs the same program on its own devices. A collective waits for all of them, so none
can go on without the others: when one is lost, the rest end too, and all are started again.
"""

import contextlib
import os
import platform
import re
import signal
import sys
import threading
import time
import traceback

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from prm_jax.errors import InputError

HEARTBEAT_SECONDS = 30  # after so long without a sign a process counts as lost
START_SECONDS = 300  # for all processes to come
SHUTDOWN_SECONDS = 3600  # for all to finish: the first one may be writing the export
GRACE_SECONDS = 2  # without the first process jax aborts the others before they can say why
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
    try:
        yield
    except SystemExit:
        jax.distributed.shutdown()
        raise
    except BaseException as error:
        _end(error, process_id, num_processes)
    jax.distributed.shutdown()


@contextlib.contextmanager
def noticing_sigterm(mesh):
    """Yields a function without arguments: whether to save and stop, since SIGTERM came.

    Of several processes it is enough that one gets the signal. All must call the function equally
    often, and all get the same answer, which is that of their call before.

    Args:
        mesh: mesh of all their devices.
    """
    stop = threading.Event()
    asked = stop.is_set if jax.process_count() == 1 else _Anywhere(stop.is_set, mesh)
    if threading.current_thread() is not threading.main_thread():  # where no signal arrives
        yield asked
        return
    before = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)


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


def _end(error, process_id, num_processes):
    """Says why this process ends, and ends it without waiting for anything."""
    text, code = str(error), 1
    if isinstance(error, InputError):
        code = 2
    elif isinstance(error, Exception) and LOST.search(text):
        text = (
            f"another process was lost ({' '.join(text.split())[:300]}); start all processes "
            "again to continue from the last checkpoint"
        )
    else:
        traceback.print_exception(error)
        text = f"{type(error).__name__}: {text}"
    # Not asked of jax, which might wait for the others to answer.
    process = f"process {process_id} of {num_processes}"
    if process_id is None or num_processes is None:
        process = f"the process on {platform.node()}"
    print(f"error: {process}: {text}", file=sys.stderr, flush=True)
    sys.stdout.flush()
    if process_id == 0:
        time.sleep(GRACE_SECONDS)
    os._exit(code)
