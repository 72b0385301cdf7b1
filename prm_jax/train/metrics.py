"""Where the numbers of a run go: JSON lines, TensorBoard, and words beside the progress bar."""

import json
import math
import time
from pathlib import Path

from prm_jax.files import LineFile, atomic_write, room_for

METRICS = "metrics.jsonl"


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
        path = Path(workdir) / METRICS
        rows = _rows_until(path, start)
        self.earlier = {name: value for row in rows for name, value in row.items()}
        self.earlier.pop("step", None)
        with atomic_write(path) as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        self._file = LineFile(path)
        self._board = _Board(Path(workdir) / "tensorboard", start + 1) if tensorboard else None

    def write(self, step: int, metrics: dict[str, float]):
        """Writes one line: `step` (updates made) and the metrics.

        Raises:
            InputError: there is no room.
        """
        # JSON has no NaN; a metric that is not defined at this step is left out.
        metrics = {name: value for name, value in metrics.items() if math.isfinite(value)}
        self._file.append([json.dumps({"step": step, **metrics}) + "\n"])
        if self._board is not None:
            self._board.write(step, metrics)

    def close(self):
        """Closes the files."""
        self._file.close()
        if self._board is not None:
            self._board.close()


class _Board:
    """Scalars for TensorBoard.

    tensorboardX's own SummaryWriter hands them to a thread, and waits for it for ever once that
    thread could not write.

    Args:
        directory: where the event file goes.
        purge_step: TensorBoard hides what earlier files say of this step and later ones.
    """

    def __init__(self, directory, purge_step):
        # They import torch where that is installed: seconds.
        from tensorboardX import event_file_writer, summary
        from tensorboardX.proto import event_pb2

        self._directory, self._event, self._scalar = directory, event_pb2.Event, summary.scalar
        with room_for(directory):
            directory.mkdir(parents=True, exist_ok=True)
            self._writer = event_file_writer.EventsWriter(str(directory / "events"))
            begin = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            self._add(purge_step, session_log=begin)

    def write(self, step, metrics):
        with room_for(self._directory):
            for name, value in metrics.items():
                self._add(step, summary=self._scalar(name, value))
            self._writer.flush()

    def close(self):
        with room_for(self._directory):
            self._writer.close()

    def _add(self, step, **content):
        self._writer.write_event(self._event(step=step, wall_time=time.time(), **content))


def in_words(metrics: dict[str, float]) -> str:
    """The numbers that are shown beside the progress bar."""
    return "  ".join(
        f"{label} {metrics[name]:{form}}"
        for name, label, form in (
            ("loss", "loss", ".4f"),
            ("tokens_per_second", "tokens/s", ".0f"),
            ("labels_per_second", "labelled steps/s", ".1f"),
            ("validation/auroc", "validation AUROC", ".3f"),
        )
        if name in metrics
    )


def _rows_until(path, last_step):
    """Lines of a metrics file up to a step; one that a killed run left half-written ends it."""
    rows = []
    if path.is_file():
        for line in path.read_bytes().splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                break
            if row["step"] <= last_step:
                rows.append(row)
    return rows
