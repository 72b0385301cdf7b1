"""A child process for work that may not end: it answers one JSON request a line, or is ended.

What is computed from a file of somebody else, such as a chat template or a final answer, cannot be
interrupted from within. The parent waits as long as it likes and then ends the child; the next
request starts another. The child's script imports neither jax nor this package, so that it starts
quickly; it prints one line of JSON when it is ready, and then one for each request.
"""

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 120.0
READ_BYTES = 1 << 16


class ChildError(Exception):
    """No answer: the child was late and ended, or ended itself; `late` says which."""

    def __init__(self, late: bool):
        super().__init__("took too long" if late else "ended without an answer")
        self.late = late


class Child:
    """A script in a process of its own, started when first asked; ends with this process.

    Args:
        script: its path.
        max_bytes: of its address space, where the system can bound it.
        max_reply_bytes: of one answer.
    """

    def __init__(self, script: Path, *, max_bytes: int, max_reply_bytes: int):
        self._script, self._max_bytes = script, max_bytes
        self._max_reply_bytes = max_reply_bytes
        self._process: Any = None  # subprocess.Popen, once started
        self._lock = threading.Lock()
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._leave_to_parent)

    def ask(self, request, timeout: float):
        """The child's answer to a request, both JSON-able.

        Args:
            request: what the script takes.
            timeout: seconds to wait, the start of the child aside.

        Raises:
            ChildError: there is none in time, or the child ended; it is ended now in any case.
            RuntimeError: it did not start.
        """
        with self._lock:
            self._start()
            try:
                rest = memoryview(json.dumps(request).encode() + b"\n")
                while rest:
                    rest = rest[self._process.stdin.write(rest) :]
                return self._reply(timeout)
            except (BrokenPipeError, ConnectionResetError) as error:
                self._end()
                raise ChildError(late=False) from error
            except BaseException:  # also Ctrl-C, after which a late answer would be the next one's
                self._end()
                raise

    def close(self):
        """Ends the child, if there is one."""
        with self._lock:
            self._end()

    def _start(self):
        if self._process is not None and self._process.poll() is None:
            return
        self._end()
        # By path and with -P: as a module of this package it would import more than it needs. In a
        # session of its own, since Ctrl-C is for the parent, which may still ask while it stops.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(self._script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        _bound_memory(self._process.pid, self._max_bytes)
        try:
            self._reply(START_TIMEOUT_S)
        except ChildError as error:
            self._end()
            raise RuntimeError(f"the process of {self._script.name} did not start") from error

    def _reply(self, timeout):
        """The child's next line."""
        end, line = time.monotonic() + timeout, bytearray()
        while not line.endswith(b"\n"):
            left = max(end - time.monotonic(), 0)
            if not select.select([self._process.stdout], [], [], left)[0]:
                raise ChildError(late=True)
            part = os.read(self._process.stdout.fileno(), READ_BYTES)
            line += part
            if not part or len(line) > self._max_reply_bytes:
                raise ChildError(late=False)
        return json.loads(line)

    def _end(self):
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _leave_to_parent(self):
        """In a fork of this process, which starts a child of its own: another thread may hold the
        lock, and an open pipe would keep the parent's child alive."""
        self._lock = threading.Lock()
        if self._process is not None:
            self._process.stdin.close()
            self._process.stdout.close()
            self._process = None


def _bound_memory(process_id, max_bytes):
    try:
        import resource

        resource.prlimit(process_id, resource.RLIMIT_AS, (max_bytes, max_bytes))
    except (ImportError, AttributeError, OSError, ValueError):
        pass  # the system has no such bound
