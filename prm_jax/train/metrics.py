"""Where the numbers of a run go: JSON lines, TensorBoard, and words beside the progress bar."""

import json
import math
from pathlib import Path

from prm_jax.files import atomic_write


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
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                break
            if row["step"] <= last_step:
                rows.append(row)
    return rows
