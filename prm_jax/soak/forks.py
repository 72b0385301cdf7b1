"""Commands started without their imports: forked from a process that has made them once.

A start of Python and of all that a command imports costs seconds of which a kill shows nothing. The
process that forks has not touched a device, so each fork begins with jax as a new process does.
"""

import atexit
import contextlib
import importlib
import multiprocessing
import os
import runpy
import signal
import sys
import threading
import traceback
from collections.abc import Sequence

from absl import flags

IMPORTED = (
    "prm_jax.train.loop",
    "prm_jax.scoring.score_file",
    "prm_jax.calibration.calibrate_file",
    "prm_jax.report.calibration_page",
    "prm_jax.evaluate.evaluate_file",
    "prm_jax.formats.convert",
    "prm_jax.study.run",
)


class Forks:
    """Starts commands; lives in a process of its own (`workers.Worker`)."""

    def __init__(self):
        for module in IMPORTED:
            importlib.import_module(module)
        self._running: set[int] = set()

    def start(self, module: str, arguments: Sequence[str], log: str) -> int:
        """Runs `python -m MODULE ARGUMENTS`; what it prints is added to the file `log`.

        Returns:
            Its process id, which stays its own until `code` has told how it ended.
        """
        process = os.fork()
        if not process:
            _become(module, arguments, log)
        self._running.add(process)
        return process

    def code(self, process: int, wait: bool = False) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        found, status = os.waitpid(process, 0 if wait else os.WNOHANG)
        if not found:
            return None
        self._running.discard(process)
        return os.waitstatus_to_exitcode(status)


def _become(module, arguments, log):
    """What a fork does; does not return."""
    code = 1
    try:
        threading.Thread(target=_end_with_soak, daemon=True).start()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the soak answers Ctrl-C
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        for stream in (sys.stdout.fileno(), sys.stderr.fileno()):
            os.dup2(file, stream)
        for name in _defined_here():
            delattr(flags.FLAGS, name)
        sys.argv = [f"{module.replace('.', '/')}.py", *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _defined_here():
    """Flags of the command that soaks, which the one to be run may have as well."""
    of = flags.FLAGS.find_module_defining_flag("kills")
    return [n for n in flags.FLAGS if of and flags.FLAGS.find_module_defining_flag(n) == of]


def _end_with_soak():
    soak = multiprocessing.parent_process()
    if soak is not None:
        soak.join()
        os._exit(1)
