"""Where the numbers of a run go: JSON lines, TensorBoard, and a progress bar."""

import json
import math
import sys
import time
from pathlib import Path

import rich.console
import rich.progress

from prm_jax.files import atomic_write

PLAIN_INTERVAL = 5.0  # seconds between lines where there is no terminal


class MetricsWriter:
    """Writes metrics to `workdir/metrics.jsonl`, one line a step, and to TensorBoard.

    Args:
        workdir: directory of the run.
        start: updates made before; lines of later steps, from a run that was stopped after its last
            checkpoint, are removed.
        tensorboard: whether to write `workdir/tensorboard` too.

    Fields:
        earlier: the last value of each metric in the lines that were kept.
    """

    def __init__(self, workdir, start=0, tensorboard=True):
        path = Path(workdir) / "metrics.jsonl"
        rows = _rows_until(path, start)
        self.earlier = {name: value for row in rows for name, value in row.items()}
        self.earlier.pop("step", None)
        with atomic_write(path) as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        self._file = path.open("a", encoding="utf-8")
        self._board = None
        if tensorboard:
            from tensorboardX import SummaryWriter  # imports torch where that is installed: seconds

            directory = str(Path(workdir) / "tensorboard")
            self._board = SummaryWriter(directory, purge_step=start + 1)

    def write(self, step: int, metrics: dict[str, float]):
        """Writes one line: `step` (updates made) and the metrics."""
        # JSON has no NaN; a metric that is not defined at this step is left out.
        metrics = {name: value for name, value in metrics.items() if math.isfinite(value)}
        self._file.write(json.dumps({"step": step, **metrics}) + "\n")
        self._file.flush()
        if self._board is not None:
            for name, value in metrics.items():
                self._board.add_scalar(name, value, step)

    def close(self):
        """Flushes and closes the files."""
        self._file.close()
        if self._board is not None:
            self._board.close()


class Progress:
    """A progress bar on a terminal, plain lines elsewhere, on stderr.

    Args:
        total: updates of the whole run.
        start: updates made before.
        show: False prints nothing.
    """

    def __init__(self, total, start=0, show=True):
        self._total, self._first, self._began = total, start, time.monotonic()
        self._last_line = -math.inf
        self._show, self._bar = show, None
        if show and sys.stderr.isatty():
            columns = (
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
            self._task = self._bar.add_task("training", total=total, completed=start, numbers="")

    def update(self, step: int, metrics: dict[str, float]):
        """Shows that `step` updates are made."""
        numbers = "  ".join(
            f"{label} {metrics[name]:{form}}"
            for name, label, form in (
                ("loss", "loss", ".4f"),
                ("tokens_per_second", "tokens/s", ".0f"),
                ("labels_per_second", "labelled steps/s", ".1f"),
                ("validation/auroc", "validation AUROC", ".3f"),
            )
            if name in metrics
        )
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._task, completed=step, numbers=numbers)
        elif self._show and (step == self._total or now - self._last_line >= PLAIN_INTERVAL):
            self._last_line = now
            rate = (now - self._began) / max(step - self._first, 1)
            left = time.strftime("%H:%M:%S", time.gmtime(rate * (self._total - step)))
            print(f"step {step}/{self._total}  {numbers}  left {left}", file=sys.stderr, flush=True)

    def say(self, text: str):
        """Prints a line above the bar."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        elif self._show:
            print(text, file=sys.stderr, flush=True)

    def close(self):
        """Takes the bar down."""
        if self._bar is not None:
            self._bar.stop()


def _rows_until(path, last_step):
    """Lines of a metrics file up to a step; one that a killed run left half-written ends it."""
    rows = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                break
            if row["step"] <= last_step:
                rows.append(row)
    return rows
