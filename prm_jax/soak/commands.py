"""Work that a soak kills beside training and scoring: commands that begin again, and a study.

They use what the undisturbed training and scoring made, and are otherwise as `work.Training`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from prm_jax.data.synthetic import make_trajectories
from prm_jax.errors import InputError
from prm_jax.files import write_json
from prm_jax.records import write_jsonl
from prm_jax.soak.work import EXACT, EXPORTED, Sizes, appeared, changed
from prm_jax.study.config import default_config as default_study

OF_A_RUN = ("run", "seconds", "argv", "training")
"""Keys of a result that say how it was made, or how long it took."""


class Command:
    """A command with an output that appears whole; killed, it begins again.

    Args:
        folder: directory of the soak.
        name: of this one; 'whole' is the undisturbed one.
        sizes: how much work there is.
    """

    kind, ending = "", ".jsonl"

    def __init__(self, folder, name: str, sizes: Sizes):
        self.folder, self.sizes = Path(folder), sizes
        self.model, self.scores = self.folder / "whole" / "export", self.folder / "whole.jsonl"
        self.input, self.labelled = (
            self.folder / f"{part}.jsonl" for part in ("judged", "labelled")
        )
        self.output, self.whole = (
            self.folder / f"{self.kind}-{n.removeprefix(f'{self.kind}-')}{self.ending}"
            for n in (name, "whole")
        )

    def prepare(self) -> None:
        """Writes the inputs."""
        for path, split, seed in ((self.labelled, "train", 2), (self.input, "test", 3)):
            if not path.is_file():
                rows = make_trajectories(["arithmetic"], self.sizes.judged, seed, split=split)
                write_jsonl(path, rows)

    def arguments(self) -> dict[str, Any]:
        """The flags."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """Module and flags."""
        return [
            f"experiments.{self.kind}",
            *(f"--{name}={value}" for name, value in self.arguments().items()),
        ]

    def finished(self) -> bool:
        """Whether all is done."""
        return self.output.is_file()

    def sign(self, phase: str) -> Callable[[], bool]:
        """As `Training.sign`; a command works once it holds the lock of its output."""
        if phase == "start":
            return lambda: True
        if phase == "finishing":
            return appeared(self.folder, f".{self.output.name}.*", but=(self._lock.name,))
        return changed(self._lock)

    def look(self) -> dict:
        """As `Training.look`: an output that is there is the whole one.

        Returns:
            {}.
        """
        if self.output.exists() and self.output != self.whole:
            self._require_same()
        return {}

    def compare(self) -> dict[str, str]:
        """As `Training.compare`."""
        self._require_same()
        return {self.kind: EXACT}

    def content(self, path: Path) -> Any:
        """What of an output must be the same."""
        return path.read_bytes()

    @property
    def _lock(self):
        return self.output.with_name(f".{self.output.name}.lock")

    def _require_same(self):
        if self.content(self.output) != self.content(self.whole):
            raise InputError("differs from the undisturbed one", file=self.output)


class Calibrating(Command):
    """An estimator fitted and applied, with the states kept from one start to the next."""

    kind = "calibrate"

    def arguments(self):
        """The flags."""
        hyper = {"epochs": self.sizes.epochs, "width": 8, "min_rows": 1, "learning_rate": 1e-3}
        return {
            "model": self.model,
            "calibration": self.labelled,
            "input": self.input,
            "output": self.output,
            "hyper": json.dumps(hyper),
            "cache": self.output.with_suffix(".cache"),
        }

    def content(self, path):
        """The judgements and the estimator."""
        weights = sorted(Path(f"{path}.sdm").glob("*.safetensors"))
        return [file.read_bytes() for file in (path, *weights)]


class Evaluating(Command):
    """Step metrics of the scores, with intervals."""

    kind, ending = "evaluate", ".json"

    def arguments(self):
        """The flags."""
        source = self.folder / "solutions.jsonl"
        given = {"task": "steps", "input": source, "scores": self.scores, "output": self.output}
        return {**given, "n_boot": self.sizes.resamples}

    def content(self, path):
        """The figures."""
        return without(json.loads(path.read_text("utf-8")), OF_A_RUN)


class Converting(Command):
    """A file in another format, and the report of what was lost."""

    kind = "convert"

    def arguments(self):
        """The flags."""
        source = self.folder / "solutions.jsonl"
        return {"input": source, "to": "trl", "output": self.output}


class Studying(Command):
    """A study of one world: data, a training, scores, figures; it goes on where it was."""

    kind, ending = "study", ""

    @property
    def _lock(self):
        return self.output / ".lock"

    def prepare(self):
        """Writes the configuration."""
        path = self.folder / "study.json"
        if not path.is_file():
            write_json(path, json.loads(json.dumps(self._config().to_dict())))

    def _config(self) -> ConfigDict:
        config, sizes = default_study(), self.sizes
        config.seeds, config.fractions, config.probe_fraction = (0,), (), 0.0
        config.likelihood = False
        config.worlds.families = ("arithmetic",)
        config.worlds.difficulty = (1,)
        config.worlds.update(train=40, validation=10, test=12, groups=3, candidates=4)
        config.evaluation.update(n=(1, 2, 4), bootstrap=200, solutions=4)
        for training in (config.train, config.probe):
            training.model.update(name="random:tiny-llama", train_layers=1)
            training.data.update(row_length=512, max_length=512, rows=4, unlabelled="drop")
            training.update(steps=sizes.study_steps, tensorboard=False, eval_every=0)
            training.checkpoint_every = max(1, sizes.study_steps // 8)
        return config

    def arguments(self):
        """The flags."""
        return {"config": self.folder / "study.json", "workdir": self.output}

    def finished(self):
        """Whether all is done: the model card is written last."""
        return bool(list(self.output.glob("runs/*/export/README.md")))

    def sign(self, phase):
        """As `Training.sign`."""
        if phase == "finishing":
            return appeared(self.output, ".results.json.*")
        return super().sign(phase)

    def look(self):
        """As `Training.look`; what is there has a name only if it is whole.

        Returns:
            {}.
        """
        for path in self.output.glob("**/*.json"):
            json.loads(path.read_text("utf-8"))
        for export in self.output.glob("runs/*/export"):
            if not all((export / name).is_file() for name in EXPORTED):
                raise InputError("is not whole", file=export)
        return {}

    def content(self, path):
        """Data, parameters, scores and figures."""
        files = [
            file
            for pattern in ("data/**/*.jsonl", "runs/*/export/*.safetensors", "scores/**/*.jsonl")
            for file in sorted(path.glob(pattern))
        ]
        result = without(json.loads((path / "results.json").read_text("utf-8")), OF_A_RUN)
        return [result, *((str(file.relative_to(path)), file.read_bytes()) for file in files)]


def without(value: Any, names) -> Any:
    """A JSON value without the keys of these names, at any depth."""
    if isinstance(value, dict):
        return {key: without(item, names) for key, item in value.items() if key not in names}
    if isinstance(value, list):
        return [without(item, names) for item in value]
    return value
