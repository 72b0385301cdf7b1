"""Scoring and training of a model of Qwen2.5-1.5B's shape on rows of 4,096 tokens: tokens a second
and, on an accelerator whose peak is known, the share of it (MFU).

The weights are random, which makes no difference to the time. One solution fills each row, so that
nothing is lost to padding, and what is measured is the compiled program itself.
"""

import dataclasses
import statistics

import jax

from prm_jax.benchmark import flops, limits
from prm_jax.benchmark.ours import Scoring, Training
from prm_jax.benchmark.solutions import PROMPT, STEP, solutions
from prm_jax.models.attention import choose
from prm_jax.progress import Progress
from prm_jax.workers import working

SEED = 0


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much is measured; the defaults are those of a result.

    Fields:
        preset: the model. row_length: tokens of a row.
        scored_rows, trained_rows: of a batch. rounds: runs of each after the first.
        updates: of an epoch, which is a run of training.
        prompt, step: tokens of a problem and of a step.
        options: keys of the configuration of training, by name of the variant.
    """

    preset: str = "qwen2.5-1.5b"
    row_length: int = 4096
    scored_rows: int = 8
    trained_rows: int = 4
    rounds: int = 10
    updates: int = 4
    prompt: int = PROMPT
    step: int = STEP
    options: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
        ("nothing recomputed", (("model.remat", "none"),)),
        ("matmuls kept", ()),
    )


SMOKE = Sizes(
    preset="tiny-llama",
    row_length=64,
    scored_rows=2,
    trained_rows=2,
    rounds=1,
    updates=1,
    prompt=6,
    step=8,
    options=(("matmuls kept", ()),),
)


class Scorer(Scoring):
    """Scores one batch again and again."""

    def measure(self, sizes: Sizes) -> dict:
        """Medians of forward passes over a batch of full rows."""
        shape = (sizes.scored_rows, sizes.row_length)
        forward = limits.Forward(self.model, self.params, *shape, sizes.step)
        forward.once()
        seconds = [forward.once() for _ in range(sizes.rounds)]
        config = self.model.config
        of = (self.model.attention, self.model.dtype, config.head_dim, sizes.row_length)
        return {
            "model": self.name,
            "dtype": self.model.dtype,
            "device": jax.devices()[0].device_kind,
            "attention": choose(*of, config.attention_softcap),
            "rows": sizes.scored_rows,
            **_figures(self, sizes.scored_rows * sizes.row_length, forward.work, seconds),
        }


class Trainer(Training):
    """Makes the updates of an epoch again and again."""

    def measure(self, sizes: Sizes) -> dict:
        """Medians over epochs, for each update."""
        what = self.describe()
        lengths = [len(item.tokens) for item in what["encoded"]]
        n_steps = sum(len(item.step_positions) for item in what["encoded"])
        work = flops.forward(what["config"], lengths, n_steps=n_steps) * flops.TRAINING
        self.train()
        seconds = [self.train() / what["updates"] for _ in range(sizes.rounds)]
        share = 1 / what["updates"]
        return {
            "parameters_trained": what["parameters_trained"],
            "rows": sizes.trained_rows,
            **_figures(self, share * sum(lengths), work * share, seconds),
        }


def _figures(way, n_tokens, work, seconds):
    median = statistics.median(seconds)
    return {
        "seconds": round(median, 5),
        "tokens_per_second": round(n_tokens / median, 1),
        **way.reached(work, median),
        "all_seconds": [round(value, 5) for value in seconds],
        "memory_gib": way.device_memory_gib(),
    }


def run(smoke: bool, progress: Progress) -> dict:
    """Measures.

    Args:
        smoke: a tiny model, all in this process.
        progress: shows what is run.

    Returns:
        Sizes, and the figures that docs/benchmarks.md explains.
    """
    sizes = SMOKE if smoke else Sizes()
    apart = not smoke
    progress.say("scoring")
    with working(Scorer, sizes.preset, (), apart=apart) as way:
        scored = way.call("measure", sizes)
    n_tokens = [sizes.row_length] * (sizes.updates * sizes.trained_rows)
    given = solutions(n_tokens, SEED, prompt=sizes.prompt, step=sizes.step)
    batch = {
        "data.rows": sizes.trained_rows,
        "data.row_length": sizes.row_length,
        "data.max_length": sizes.row_length,
    }
    trained = {}
    for name, options in sizes.options:
        progress.say(f"training, {name}")
        with working(Trainer, sizes.preset, given, {**batch, **dict(options)}, apart=apart) as way:
            trained[name] = way.call("measure", sizes)
    facts = ("model", "dtype", "device", "attention")
    return {
        "seed": SEED,
        **{name: scored.pop(name) for name in facts},
        "row_length": sizes.row_length,
        "scoring": scored,
        "training": trained,
    }
