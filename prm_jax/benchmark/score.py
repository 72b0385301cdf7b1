"""Scoring solutions, ours against the padded recipe, and what else a pass costs.

Both ways read the same token ids, in turn, each in a process of its own. What follows is measured
in the process of ours, after its peak memory was read: a forward pass against the matmul limit, the
cost of reading in both directions and of merged steps over one pass, and whether cost is linear in
the number of trajectories and of steps.
"""

import dataclasses
import statistics
import tempfile
import time
from pathlib import Path

from prm_jax.benchmark import roofline, versus
from prm_jax.benchmark.ours import Scoring
from prm_jax.benchmark.pairs import first_of_each, in_turn, median_ratio
from prm_jax.benchmark.solutions import PROMPT, STEP, lengths, solutions
from prm_jax.progress import Progress
from prm_jax.records import write_jsonl
from prm_jax.scoring.score_file import score_file
from prm_jax.weights import export
from prm_jax.workers import working

SEED = 0
LINES = {
    "one pass": ("discriminative", {}),
    "bidirectional": ("bidirectional", {}),
    "hierarchical": ("hierarchical", {}),
    "hierarchical, prefixes shared": ("hierarchical", {"share_prefixes": True}),
}


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much is measured; the defaults are those of a result.

    Fields:
        preset: the model. solutions, scale: how many, and a factor on their length.
        prompt, step: tokens of a problem and of a step. pairs: runs of both ways.
        batches: rows and their length, of forward passes. rounds: runs of each.
        combined, combined_rounds: solutions that combined scorers read, and runs of each.
        steps, step_solutions, step_tokens: numbers of steps that solutions of equal length have.
        trajectories, tiny: numbers of short solutions in a file, scored by a tiny model.
    """

    preset: str = "smollm2-135m"
    solutions: int = 64
    scale: float = 1.0
    prompt: int = PROMPT
    step: int = STEP
    pairs: int = 3
    batches: tuple[tuple[int, int], ...] = (
        (16, 512),
        (8, 1024),
        (1, 512),
        (1, 768),
        (1, 1024),
    )
    rounds: int = 3
    combined: int = 4
    combined_rounds: int = 3
    steps: tuple[int, ...] = (1, 10, 50, 200)
    step_solutions: int = 4
    step_tokens: int = 1000
    trajectories: tuple[int, ...] = (1000, 10_000, 100_000)
    tiny: str = "tiny-llama"


SMOKE = Sizes(
    preset="tiny-llama",
    solutions=4,
    scale=0.05,
    prompt=6,
    step=8,
    pairs=1,
    batches=((8, 64),),
    rounds=1,
    combined=2,
    combined_rounds=1,
    steps=(1, 12),
    step_solutions=2,
    step_tokens=48,
    trajectories=(3, 6),
)


class Scorer(Scoring):
    """Our way, and what is measured of it alone."""

    def passes(self, sizes: Sizes) -> list[dict]:
        """Forward passes against the matmul limit, of each shape of batch."""
        return [
            roofline.measure(
                self.model,
                self.params,
                rows=rows,
                row_length=row_length,
                step=sizes.step,
                rounds=sizes.rounds,
            )
            for rows, row_length in sizes.batches
        ]

    def costs(self, sizes: Sizes) -> dict[str, float]:
        """The cost of combined scorers over that of one pass."""
        given = self.trajectories[: sizes.combined]

        def way(line, options):
            return lambda: self.score(line, given, **options)

        ways = {name: way(*how) for name, how in LINES.items()}
        first_of_each(ways)
        seconds = in_turn(ways, sizes.combined_rounds)
        one = seconds.pop("one pass")
        return {name: median_ratio(values, one) for name, values in seconds.items()}

    def by_steps(self, sizes: Sizes) -> list[dict]:
        """Tokens a second of solutions of one length and more and more steps."""
        ways, tokens = {}, {}
        for n_steps in sizes.steps:
            of_step = (sizes.step_tokens - sizes.prompt) / n_steps
            given = solutions(
                [sizes.step_tokens] * sizes.step_solutions,
                SEED,
                prompt=sizes.prompt,
                step=of_step,
            )
            ways[n_steps] = lambda given=given: self.score("discriminative", given)
            tokens[n_steps] = sizes.step_tokens * sizes.step_solutions
        first_of_each(ways)
        seconds = in_turn(ways, sizes.combined_rounds)
        return [
            {"steps": n, "tokens_per_second": round(tokens[n] / statistics.median(seconds[n]))}
            for n in sizes.steps
        ]


def by_trajectories(sizes: Sizes) -> list[dict]:
    """Tokens a second of `score_file`, on files of more and more short solutions."""
    scorer = Scoring(sizes.tiny, ())
    found = []
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        export(place / "model", scorer.model, scorer.params, scorer.tokenizer)
        # The first one is scored twice, since it compiles.
        for n in (sizes.trajectories[0], *sizes.trajectories):
            n_tokens = [20 + number % 40 for number in range(n)]
            given = solutions(n_tokens, SEED, prompt=8, step=10)
            write_jsonl(place / "solutions.jsonl", (t.to_dict() for t in given))
            found.append({"trajectories": n, **_of_file(place, sum(n_tokens))})
    return found[1:]


def _of_file(place, n_tokens):
    """Tokens a second over all, and without what comes before the first batch."""
    starts: list[float] = []

    def note(done, total):
        starts.append(time.monotonic())

    begun = time.monotonic()
    arguments = (str(place / "model"), place / "solutions.jsonl", place / "scores.jsonl")
    score_file(*arguments, progress=note)
    ended = time.monotonic()
    return {
        "tokens_per_second": round(n_tokens / (ended - begun)),
        "tokens_per_second_after_loading": round(n_tokens / (ended - starts[0])),
    }


def run(smoke: bool, progress: Progress) -> dict:
    """Measures.

    Args:
        smoke: a tiny model, all in this process.
        progress: shows the pairs of runs.

    Returns:
        Sizes, and the figures that docs/benchmarks.md explains.
    """
    sizes = SMOKE if smoke else Sizes()
    n_tokens = lengths(sizes.solutions, SEED, sizes.scale)
    given = solutions(n_tokens, SEED, prompt=sizes.prompt, step=sizes.step)
    with working(Scorer, sizes.preset, given, apart=not smoke) as way:
        figures = versus.compared(
            way, "score", n_runs=sizes.pairs, apart=not smoke, progress=progress
        )
        progress.say("the cost of a pass and of combined scorers")
        passes = way.call("passes", sizes)
        combined, steps = way.call("costs", sizes), way.call("by_steps", sizes)
    progress.say("files of more and more trajectories")
    trajectories = by_trajectories(sizes)
    versus.add_share(figures["ours"], passes[-1])
    return {
        "seed": SEED,
        **figures,
        "forward": [
            {name: value for name, value in of_batch.items() if name not in roofline.PLOTTED}
            for of_batch in passes
        ],
        "cost_over_one_pass": combined,
        "by_steps_of_a_trajectory": steps,
        "by_trajectories_of_a_file": trajectories,
        "roofline": roofline.plotted(passes[-1], figures["model"]),
    }
