"""Work in a process of its own: beside this one's, with its own memory and its own threads."""

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from prm_jax.errors import InputError
from prm_jax.provenance import peak_memory_gib


class Worker:
    """An object in another process, whose methods are called one at a time; ends with this one.

    Args:
        make: class or function of a module, which makes the object over there.
        arguments: what it takes.
    """

    def __init__(self, make: Callable, *arguments):
        self._name, self._called = make.__name__, ""
        # `spawn`, since a fork would inherit this process's memory and threads.
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, make, arguments), daemon=True)
        self._process.start()
        other.close()

    def call(self, method: str, *arguments, **options) -> Any:
        """The result of a method over there; `peak_memory_gib` is that of the process.

        Raises:
            InputError: the process ended, for example for want of memory.
            RuntimeError: the method failed; with its traceback.
        """
        self.begin(method, *arguments, **options)
        return self.result()

    def begin(self, method: str, *arguments, **options):
        """Calls a method without waiting for it."""
        self._called = method
        with self._told_of_its_end():
            self._pipe.send((method, arguments, options))

    def result(self) -> Any:
        """Waits for the method that was begun; gives and raises what `call` does."""
        with self._told_of_its_end():
            done, result = self._pipe.recv()
        method, self._called = self._called, ""
        if not done:
            raise RuntimeError(f"{self._name}.{method} failed:\n{result}")
        return result

    def close(self):
        """Ends the process, also in the middle of a method."""
        self._pipe.close()
        if self._called:
            self._process.terminate()
        self._process.join()

    @contextmanager
    def _told_of_its_end(self):
        try:
            yield
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            self._process.join()
            raise InputError(
                f"the process of {self._name} ended with {self._process.exitcode} "
                f"in {self._called}",
                remedy="see whether the machine has enough memory",
            ) from error


class Here:
    """The same in this process: quick to start, for sizes that measure nothing."""

    def __init__(self, make: Callable, *arguments):
        self._object = make(*arguments)

    def call(self, method: str, *arguments, **options) -> Any:
        """The result of a method."""
        if method == "peak_memory_gib":
            return peak_memory_gib()
        return getattr(self._object, method)(*arguments, **options)

    def close(self):
        """Nothing is to be ended."""


@contextmanager
def working(make: Callable, *arguments, apart: bool = True) -> Iterator[Worker | Here]:
    """Opens a way and closes it at the end.

    Args:
        make, arguments: as `Worker` takes them.
        apart: in a process of its own.
    """
    way = (Worker if apart else Here)(make, *arguments)
    try:
        yield way
    finally:
        way.close()


def _serve(pipe, make, arguments):
    # Ctrl-C reaches every process of a terminal; the one that started this one answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    served = None
    while True:
        try:
            method, given, options = pipe.recv()
        except EOFError:
            return
        try:
            # Made with the first call, so that what fails is said in answer to it.
            served = served or Here(make, *arguments)
            pipe.send((True, served.call(method, *given, **options)))
        except Exception:
            pipe.send((False, traceback.format_exc()))


def _end_with_parent():
    """Ends this process when the one that started it is gone, however that was ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # this one was started by another
    parent.join()
    os._exit(1)
