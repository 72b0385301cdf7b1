"""How long work shows that it moves: a bar on a terminal, plain lines elsewhere, on stderr."""

import math
import sys
import threading
import time

import rich.console
import rich.progress

from prm_jax.errors import one_line

LINE_INTERVAL = 5.0
"""Seconds between lines where there is no terminal."""
CLOCK_INTERVAL = 30.0
"""The same while nothing can be counted, as in compiling."""


def clock(seconds: float) -> str:
    """Hours, minutes and seconds, such as '00:04:10' or '123:00:00'."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"


class Progress:
    """One piece of work and how much of it is done; a context manager.

    Args:
        what: what is being done, such as 'loading'.
        total: pieces of work, or None while that is not known.
        show: False prints nothing.
        quiet: seconds before the first line where there is no terminal.
    """

    def __init__(self, what: str, total: int | None = None, show: bool = True, quiet: float = 0.0):
        self._show, self._bar = show, None
        if show and sys.stderr.isatty():
            columns = (
                rich.progress.SpinnerColumn(),
                "[progress.description]{task.description}",
                rich.progress.BarColumn(),
                rich.progress.MofNCompleteColumn(),
                rich.progress.TimeElapsedColumn(),
                rich.progress.TimeRemainingColumn(),
                "{task.fields[numbers]}",
            )
            console = rich.console.Console(stderr=True)
            self._bar = rich.progress.Progress(*columns, console=console)
            self._bar.start()
            self._task = self._bar.add_task(what, total=total, numbers="")
        self._what, self._total = what, total
        self._first, self._began, self._last_line = 0, time.monotonic(), -math.inf
        self._quiet_until = self._began + quiet
        self._waiting: threading.Event | None = None

    def begin(self, what: str, total: int | None = None, first: int = 0):
        """Goes over to the next part of the work, `first` pieces of which were done before."""
        self._stop_waiting()
        self._what, self._total = what, total
        self._first, self._began = first, time.monotonic()
        if self._bar is not None:
            self._bar.reset(self._task, description=what, total=total, completed=first, numbers="")

    def wait(self, what: str, usual: str, total: int | None = None, first: int = 0):
        """Goes over to work that cannot be counted, and says for how long it has been going on.

        On a terminal the bar has a clock; elsewhere a line comes every CLOCK_INTERVAL seconds,
        until the next `begin`.

        Args:
            what: what is being done, such as 'compiling'.
            usual: how long it may take, in words.
            total, first: as in `begin`.
        """
        self.begin(f"{what} ({usual})", total, first)
        if self._bar is None and self._show:
            print(f"{what}: {usual}", file=sys.stderr, flush=True)
            self._waiting = threading.Event()
            of = (what, self._began, self._waiting)
            threading.Thread(target=_say_how_long, args=of, name=what, daemon=True).start()

    def _stop_waiting(self):
        if self._waiting is not None:
            self._waiting.set()
            self._waiting = None

    def update(self, done: int, total: int | None = None, numbers: str = ""):
        """Shows that `done` pieces are finished, of `total` if that is known only now."""
        now = time.monotonic()
        self._total = total if total is not None else self._total
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=self._total, numbers=numbers)
        elif now < self._quiet_until:
            return
        elif self._show and (done == self._total or now - self._last_line >= LINE_INTERVAL):
            self._last_line = now
            left = ""
            if self._total is not None and done > self._first:
                seconds = (now - self._began) / (done - self._first) * (self._total - done)
                left = f"  left {clock(seconds)}"
            of = "" if self._total is None else f"/{self._total}"
            numbers = f"  {numbers}" if numbers else ""
            print(f"{self._what} {done}{of}{numbers}{left}", file=sys.stderr, flush=True)

    def say(self, text: str):
        """Prints a line above the bar."""
        text = one_line(text)
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        elif self._show:
            print(text, file=sys.stderr, flush=True)

    def warn(self, text: str):
        """Prints a line also where nothing else is shown."""
        if self._bar is not None:
            self.say(text)
        else:
            print(one_line(text), file=sys.stderr, flush=True)

    def close(self):
        """Takes the bar down."""
        self._stop_waiting()
        if self._bar is not None:
            self._bar.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _say_how_long(what, began, ended):
    while not ended.wait(CLOCK_INTERVAL):
        print(f"{what} {clock(time.monotonic() - began)}", file=sys.stderr, flush=True)
