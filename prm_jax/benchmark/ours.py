"""Our ways: the library's own scoring and training, with the settings a user gets."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp

from prm_jax import scoring
from prm_jax.benchmark import flops
from prm_jax.benchmark.compilations import counted
from prm_jax.data.units import encode_unit
from prm_jax.errors import InputError
from prm_jax.models import make_mesh
from prm_jax.models.tree import paths
from prm_jax.records import Trajectory, write_jsonl
from prm_jax.train.backbone import RANDOM, make_backbone
from prm_jax.train.config import default_config
from prm_jax.train.placement import put_batch
from prm_jax.train.setup import make_run
from prm_jax.train.state import model_params
from prm_jax.weights.load import find, load_model


def one_device():
    """A mesh of the first device, of which everything here is measured."""
    return make_mesh(devices=jax.devices()[:1])


def settings(preset: str):
    """The default configuration with a model: its weights where they are found, else random ones.

    On a CPU the computation is in float32, as by default; elsewhere in bfloat16.
    """
    config = default_config()
    config.model.name = preset
    try:
        find(preset, None)
    except InputError:
        config.model.name = f"{RANDOM}{preset}"
    if jax.devices()[0].platform != "cpu":
        config.model.dtype = "bfloat16"
    return config


class Ours:
    """What both ways say of their process."""

    def device_memory_gib(self) -> float | None:
        """The most of the device's memory in use at once; None where it is the machine's own."""
        peak = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
        return None if peak is None else round(peak / 2**30, 3)

    def reached(self, work: flops.Work, seconds: float) -> dict:
        """Operations a second, and on a known accelerator their share of its peak (MFU)."""
        peak = flops.peak_flops(jax.devices()[0].device_kind)
        rate = work.flops / seconds
        return {
            "gflops_per_second": round(rate / 1e9, 1),
            "mfu": None if peak is None else round(rate / peak, 3),
        }


class Scoring(Ours):
    """Scores solutions by any line of scorers.

    Args:
        preset: name of the model.
        trajectories: what to score.
    """

    def __init__(self, preset: str, trajectories: Sequence[Trajectory]):
        config, mesh = settings(preset), one_device()
        with jax.set_mesh(mesh):
            backbone = make_backbone(config, mesh)
        self.name, self.tokenizer, self.model = (
            config.model.name,
            backbone.tokenizer,
            backbone.model,
        )
        params = model_params(backbone.params, backbone.frozen)
        self.params = jax.tree.map(lambda x: x.astype(config.model.dtype), params)
        self.trajectories = list(trajectories)

    def describe(self) -> dict:
        """The model's name and architecture, and the solutions as it reads them."""
        convention = self.tokenizer.convention
        return {
            "model": self.name,
            "config": self.model.config,
            "dtype": self.model.dtype,
            "encoded": [
                encode_unit(t, self.tokenizer, convention, 10**9) for t in self.trajectories
            ],
        }

    def score(self, line="discriminative", trajectories=None, **options) -> float:
        """Seconds of scoring, of all solutions unless others are given."""
        scorer = scoring.parse_scorer(line, load_model)
        given = self.trajectories if trajectories is None else trajectories
        begun = time.monotonic()
        scorer.score(self.model, self.params, self.tokenizer, given, **options)
        return time.monotonic() - begun

    def score_first(self) -> tuple[float, float, int]:
        """Seconds of the first scoring, those of it that compiled, and the programs compiled."""
        with counted() as found:
            seconds = self.score()
        return seconds, found.seconds, found.count


class Training(Ours):
    """Makes the updates of one epoch over solutions.

    Args:
        preset: name of the model.
        trajectories: what to train on.
        options: keys of the configuration, such as 'data.rows', that are not at their default.
    """

    def __init__(self, preset: str, trajectories: Sequence[Trajectory], options: Mapping):
        config = settings(preset)
        config.update_from_flattened_dict(dict(options))
        self.mesh = one_device()
        with tempfile.TemporaryDirectory() as directory:
            config.data.train = str(Path(directory) / "solutions.jsonl")
            write_jsonl(config.data.train, (t.to_dict() for t in trajectories))
            with jax.set_mesh(self.mesh):
                self.run = make_run(config, self.mesh)
        self.state = self.run.state

    def describe(self) -> dict:
        """The model, the solutions as it reads them, and the parameters that are trained."""
        return {
            "model": self.run.config.model.name,
            "config": self.run.backbone.model.config,
            "dtype": self.run.backbone.model.dtype,
            "encoded": list(self.run.corpus.encoded),
            "parameters_trained": sum(x.size for x in paths(self.state.params).values()),
            "updates": self.run.total,
        }

    def train(self) -> float:
        """Seconds of the updates of an epoch, packing included."""
        rows = self.run.config.data.rows
        begun = time.monotonic()
        with jax.set_mesh(self.mesh):
            for batch in self.run.stream:
                placed = put_batch(batch, rows, self.mesh)
                self.state, metrics = self.run.step_fn(self.state, placed)
            jax.block_until_ready((self.state, metrics))
        if not bool(jnp.isfinite(metrics["loss"])):
            raise RuntimeError(f"a loss of {metrics['loss']}")
        return time.monotonic() - begun

    def train_first(self) -> tuple[float, float, int]:
        """As `Scoring.score_first`, of an epoch."""
        with counted() as found:
            seconds = self.train()
        return seconds, found.seconds, found.count
