"""Training and scoring as a soak kills them: their commands, the signs of their phases, their ends.

A phase is seen from outside, by what the process writes. A sign is made before its process starts,
so that what an earlier process left behind is not taken for it.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from prm_jax.data.synthetic import make_trajectories
from prm_jax.errors import InputError
from prm_jax.records import write_jsonl
from prm_jax.train import checksums
from prm_jax.train.checkpoint import DIRECTORY, TEMPORARY
from prm_jax.train.config import flatten
from prm_jax.train.damaged import DAMAGED
from prm_jax.train.metrics import METRICS

CONFIG = "configs/tiny.py"
EXPORTED = ("config.json", "model.safetensors", "prm_jax.json")
EXACT = "equal bit by bit"
CLOSE = 1e-6  # scores that are not equal bit by bit may differ by so much


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much work there is.

    Fields:
        steps, checkpoint_every: of the training.
        solutions: number of lines to score.
        held_out: share of the problems that the training validates on.
        batch_tokens: tokens of one forward pass of the scoring.
        window: seconds of training or scoring within which a kill comes.
        judged: solutions to calibrate on, and to judge.
        epochs: of the estimator.
        resamples: of the evaluation.
        study_steps: of the training of a study.
    """

    steps: int = 300
    checkpoint_every: int = 10
    solutions: int = 4000
    held_out: float = 0.2
    batch_tokens: int = 8192
    window: float = 0.5
    judged: int = 120
    epochs: int = 10
    resamples: int = 200
    study_steps: int = 48


SMOKE = Sizes(
    steps=24,
    checkpoint_every=4,
    solutions=768,
    held_out=0.0,
    batch_tokens=1024,
    window=0.05,
    judged=60,
    epochs=2,
    resamples=50,
    study_steps=8,
)


class Training:
    """A training of a tiny model.

    Args:
        folder: directory of the soak.
        name: of this training; 'whole' is the undisturbed one.
        sizes: how much work there is.
    """

    def __init__(self, folder, name: str, sizes: Sizes):
        self.workdir, self._whole = Path(folder) / name, Path(folder) / "whole"
        self._sizes = sizes

    def prepare(self):
        """Nothing: the data are made by program."""

    def values(self) -> dict:
        """What differs from configs/tiny.py, by flattened key."""
        return {
            "steps": self._sizes.steps,
            "checkpoint_every": self._sizes.checkpoint_every,
            "eval_every": self._sizes.steps // 3,
            "tensorboard": False,
            "data.rows": 8,
            "data.train": "synthetic:arithmetic?n=64&seed=0&difficulty=1",
            "data.validation": "",
            "data.validation_fraction": self._sizes.held_out,
            "data.max_length": 320,
            "data.row_length": 320,
        }

    def command(self) -> list[str]:
        """Module and flags."""
        return [
            *("experiments.train", f"--config={CONFIG}"),
            f"--workdir={self.workdir}",
            *(f"--config.{key}={value}" for key, value in flatten(self.values()).items()),
        ]

    def finished(self) -> bool:
        """Whether all is done."""
        return (self.workdir / "export" / EXPORTED[0]).is_file()

    def sign(self, phase: str) -> Callable[[], bool]:
        """Tells whether the process to be started has come to a phase, 'working' for any progress.

        Args:
            phase: 'start', 'working' or a name in `plan.PHASES`.
        """
        logged = grown(self.workdir / METRICS)
        if phase == "start":
            return lambda: True
        if phase == "exporting":
            return appeared(self.workdir, ".export.*")
        if phase == "training":  # since the next process is to have something to go on from
            before = self._checkpoints()
            return lambda: bool(self._checkpoints() - before)
        if phase == "checkpointing":
            folder = self.workdir / DIRECTORY
            return lambda: logged() and any(folder.glob(f"*{TEMPORARY}*"))
        return logged

    def look(self) -> dict:
        """Looks at what a killed process left; nothing that has its name may be half-written.

        Returns:
            {'checkpoints': how many were whole}.

        Raises:
            InputError: something is damaged.
        """
        found = self._checkpoints()
        for name in found:
            path = self.workdir / DIRECTORY / name
            if problem := checksums.damage(path):
                raise InputError(f"is damaged: {problem}", file=path)
            if not (path / checksums.CHECKSUMS).is_file():
                raise InputError("has no checksums", file=path)
        if (self.workdir / DAMAGED).exists():
            raise InputError("a start found a damaged checkpoint", file=self.workdir / DAMAGED)
        export = self.workdir / "export"
        if export.exists() and not all((export / name).is_file() for name in EXPORTED):
            raise InputError("is not whole", file=export)
        return {"checkpoints": len(found)}

    def compare(self) -> dict[str, str]:
        """Compares what a finished training came to with the undisturbed one.

        Raises:
            InputError: the parameters or the metrics differ.
        """
        for name in EXPORTED[:2]:
            ours, theirs = (folder / "export" / name for folder in (self.workdir, self._whole))
            if ours.read_bytes() != theirs.read_bytes():
                raise InputError("differs from the undisturbed run's", file=ours)
        if _metrics(self.workdir) != _metrics(self._whole):
            raise InputError("differs from the undisturbed run's", file=self.workdir)
        return {"checkpoints": "all whole", "parameters": EXACT, "metrics": EXACT}

    def _checkpoints(self):
        """Names of those that are finished."""
        folder = self.workdir / DIRECTORY
        return {path.name for path in folder.glob("*") if path.name.isdigit()}


class Scoring:
    """A scoring of a large file by the model of the undisturbed training.

    Args:
        folder, name, sizes: as in `Training`.
    """

    def __init__(self, folder, name: str, sizes: Sizes):
        self._folder, self._sizes = Path(folder), sizes
        self.model = self._folder / "whole" / "export"
        self.input = self._folder / "solutions.jsonl"
        self.output, self._whole = (self._folder / f"{n}.jsonl" for n in (name, "whole"))

    def prepare(self):
        """Writes the input."""
        if not self.input.is_file():
            write_jsonl(self.input, make_trajectories(["arithmetic"], self._sizes.solutions, 1))

    def options(self) -> dict:
        """Of `score_file`, beside model, input and output."""
        return {"batch_tokens": self._sizes.batch_tokens}

    def command(self) -> list[str]:
        """Module and flags."""
        return [
            *("experiments.score", f"--model={self.model}"),
            *(f"--input={self.input}", f"--output={self.output}"),
            *(f"--{key}={value}" for key, value in self.options().items()),
        ]

    def finished(self) -> bool:
        """Whether all is done."""
        return self.output.is_file() and not self._partial.exists()

    def sign(self, phase: str) -> Callable[[], bool]:
        """As `Training.sign`."""
        if phase == "start":
            return lambda: True
        if phase == "finishing":
            beside = f".{self.output.name}."
            return appeared(self._folder, f"{beside}*", but=(f"{beside}partial.", f"{beside}meta."))
        return grown(self._partial)

    def look(self) -> dict:
        """As `Training.look`.

        Returns:
            {}.
        """
        if self.output.exists() and len(_rows(self.output)) != self._sizes.solutions:
            raise InputError("is not whole", file=self.output)
        return {}

    def compare(self) -> dict[str, str]:
        """As `Training.compare`, of the lines and their scores."""
        ours, theirs = _rows(self.output), _rows(self._whole)
        ids = [row["id"] for row in _rows(self.input)]
        if [row["id"] for row in ours] != ids or len(set(ids)) != len(ids):
            raise InputError("lines were lost, doubled or moved", file=self.output)
        if self.output.read_bytes() == self._whole.read_bytes():
            return {"lines": "each once, in order", "scores": EXACT}
        for row, other in zip(ours, theirs, strict=True):
            one, two = (np.array(r["step_scores"], float) for r in (row, other))  # None is nan
            if not np.allclose(one, two, rtol=0, atol=CLOSE, equal_nan=True):
                raise InputError(f"scores of {row['id']!r} differ", file=self.output)
        return {"lines": "each once, in order", "scores": f"equal within {CLOSE}"}

    @property
    def _partial(self):
        return Path(f"{self.output}.partial")


def grown(path) -> Callable[[], bool]:
    """Tells whether the process to be started has added to a file, which it first writes anew."""
    before, seen = _inode_and_size(path)[0], None

    def sign():
        nonlocal seen
        inode, size = _inode_and_size(path)
        if inode in (None, before):
            return False
        if seen is None or seen[0] != inode:
            seen = (inode, size)
        return size > seen[1]

    return sign


def appeared(folder, pattern, but=()) -> Callable[[], bool]:
    """Tells whether a new name of a pattern is in a folder, one that does not begin as in `but`."""

    def names():
        found = {path.name for path in Path(folder).glob(pattern)}
        return {name for name in found if not name.startswith(tuple(but))} if but else found

    before = names()
    return lambda: bool(names() - before)


def changed(path) -> Callable[[], bool]:
    """Tells whether the process to be started has written a file."""
    before = _changed_at(path)
    return lambda: _changed_at(path) not in (None, before)


def _changed_at(path):
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _inode_and_size(path):
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return None, 0
    return status.st_ino, status.st_size


def _metrics(workdir):
    rows = _rows(workdir / METRICS)
    return [{k: v for k, v in row.items() if not k.endswith("_per_second")} for row in rows]


def _rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
