"""Training on solutions, ours against the padded recipe, and the memory of what else is trained.

Both ways make the updates of an epoch over the same token ids, in turn, each in a process of its
own. Solutions are cut where they have `MAX_LENGTH` tokens, which is TRL's default for process
reward models; ours packs them into batches of as many tokens as the default configuration, run in
a part for each row.
"""

import dataclasses

from prm_jax.benchmark import flops, roofline, versus
from prm_jax.benchmark.ours import Training
from prm_jax.benchmark.solutions import PROMPT, STEP, lengths, solutions
from prm_jax.progress import Progress
from prm_jax.train.state import model_params
from prm_jax.workers import working

SEED = 0
MAX_LENGTH = 1024


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much is measured; the defaults are those of a result.

    Fields:
        preset: the model. solutions, scale: how many, and a factor on their length.
        prompt, step: tokens of a problem and of a step. pairs: epochs of both ways.
        rows, row_length: of a batch of ours. rounds: runs of each part of a pass.
        variants: what else is trained, by name: keys of the configuration.
        variant_solutions: solutions that are trained on there, one epoch after the first.
    """

    preset: str = "smollm2-135m"
    solutions: int = 64
    scale: float = 1.0
    prompt: int = PROMPT
    step: int = STEP
    pairs: int = 2
    rows: int = 4
    row_length: int = MAX_LENGTH
    rounds: int = 3
    variants: tuple[tuple[str, tuple[tuple[str, int | str], ...]], ...] = (
        ("8 rows of 512 at once, nothing recomputed", (("model.remat", "none"),)),
        ("8 rows of 512 at once", ()),
        ("8 rows of 512, a row at a time", (("microbatches", 8),)),
        ("the same, LoRA of rank 8", (("microbatches", 8), ("model.lora.rank", 8))),
        ("the same, top 4 layers", (("microbatches", 8), ("model.train_layers", 4))),
    )
    variant_solutions: int = 6


OF_SMOKE = (("microbatches", 4), ("data.rows", 4), ("data.row_length", 64), ("data.max_length", 64))
SMOKE = Sizes(
    preset="tiny-llama",
    solutions=4,
    scale=0.05,
    prompt=6,
    step=8,
    pairs=1,
    rows=4,
    row_length=64,
    rounds=1,
    variants=(("the same", OF_SMOKE),),  # compiled already
    variant_solutions=4,
)


class Trainer(Training):
    """Our way, and what is measured of it alone."""

    def passes(self, sizes: Sizes) -> dict:
        """A forward pass on a batch of its shape, against the matmul limit."""
        return roofline.measure(
            self.run.backbone.model,
            model_params(self.state.params, self.state.frozen),
            rows=sizes.rows,
            row_length=sizes.row_length,
            step=sizes.step,
            rounds=sizes.rounds,
        )


def run(smoke: bool, progress: Progress) -> dict:
    """Measures.

    Args:
        smoke: a tiny model, all in this process.
        progress: shows the pairs of epochs.

    Returns:
        Sizes, and the figures that docs/benchmarks.md explains.
    """
    sizes = SMOKE if smoke else Sizes()
    n_tokens = lengths(sizes.solutions, SEED, sizes.scale)
    given = solutions(n_tokens, SEED, prompt=sizes.prompt, step=sizes.step)
    batch = {
        "microbatches": sizes.rows,
        "data.rows": sizes.rows,
        "data.row_length": sizes.row_length,
        "data.max_length": sizes.row_length,
    }
    with working(Trainer, sizes.preset, given, batch, apart=not smoke) as way:
        what = way.call("describe")
        figures = versus.compared(
            way, "train", n_runs=sizes.pairs, apart=not smoke, progress=progress
        )
        measured = way.call("passes", sizes)
    versus.add_share(figures["ours"], measured)
    shown = roofline.plotted(measured, figures["model"])
    shown["points"].append(_update_point(what, figures["ours"]["seconds"]))
    variants = {}
    for name, options in sizes.variants:
        progress.say(name)
        arguments = (sizes.preset, given[: sizes.variant_solutions], dict(options))
        with working(Training, *arguments, apart=not smoke) as way:
            variants[name] = _variant(way)
    return {
        "seed": SEED,
        **figures,
        "rows": sizes.rows,
        "row_length": sizes.row_length,
        "updates": what["updates"],
        "parameters_trained": what["parameters_trained"],
        "forward": {
            name: value for name, value in measured.items() if name not in roofline.PLOTTED
        },
        "variants": variants,
        "roofline": shown,
    }


def _update_point(what, seconds):
    """The updates of an epoch in the plot, as if each took equally many solutions."""
    n, n_tokens = what["updates"], [len(item.tokens) for item in what["encoded"]]
    updates = [
        flops.update(flops.forward(what["config"], n_tokens[number::n]), what["parameters_trained"])
        for number in range(n)
    ]
    return roofline.point("update", sum(updates, flops.Work(0, 0)), seconds)


def _variant(way) -> dict:
    """Speed of the second epoch, and memory."""
    what = way.call("describe")
    way.call("train")
    seconds = way.call("train")
    n_tokens = sum(len(item.tokens) for item in what["encoded"])
    return {
        "parameters_trained": what["parameters_trained"],
        "updates": what["updates"],
        "tokens_per_second": round(n_tokens / seconds, 1),
        "peak_memory_gib": round(way.call("peak_memory_gib"), 3),
        "device_memory_gib": way.call("device_memory_gib"),
    }
