"""The stream of batches alone, over array_record files of more and more solutions, and how many
times faster it is than training with the default configuration.

Each measurement is a process of its own, so that its peak memory is its own.
"""

import dataclasses
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from prm_jax.benchmark import train
from prm_jax.benchmark.ours import Training
from prm_jax.benchmark.solutions import lengths, solutions
from prm_jax.data.corpus import make_corpus, read_trajectories
from prm_jax.data.pipeline import batches
from prm_jax.formats import array_records
from prm_jax.progress import Progress
from prm_jax.provenance import peak_memory_gib
from prm_jax.records import Trajectory
from prm_jax.text import CONVENTIONS, Tokenizer
from prm_jax.train import loop
from prm_jax.train.config import default_config
from prm_jax.workers import working

ROWS, ROW_LENGTH, MAX_STEPS, MAX_LENGTH = 8, 1024, 64, 512
STEPS_EACH, PART = 10, 50_000  # steps of a trajectory, trajectories of a file
TINY = "random:tiny-llama"
SEED = 0


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much is measured; the defaults are those of a result.

    Fields:
        trajectories: of each set. batches: that are timed, after the first.
        early: batches after which memory is first looked at.
        preset: the model that is trained. solutions: it is trained on; epochs: that are timed.
        scale: a factor on the length of these solutions. options: keys of the configuration.
        updates: of a tiny model on the largest set, after which memory is looked at.
    """

    trajectories: tuple[int, ...] = (1000, 10_000, 100_000, 1_000_000)
    batches: int = 1000
    early: int = 10
    preset: str = "smollm2-135m"
    solutions: int = 16
    scale: float = 1.0
    options: tuple[tuple[str, int], ...] = ()
    epochs: int = 3
    updates: tuple[int, ...] = (20, 400)


SMOKE = Sizes(
    trajectories=(40, 80),
    batches=3,
    early=1,
    preset="tiny-llama",
    solutions=train.SMOKE.solutions,
    scale=train.SMOKE.scale,
    options=train.OF_SMOKE,
    epochs=1,
    updates=(),
)


class Stream:
    """A shuffled stream over a set of files.

    Args:
        path: directory of the files. tokenizer: directory of the tokenizer.
    """

    def __init__(self, path, tokenizer):
        self._path, self._tokenizer = path, Tokenizer.from_dir(tokenizer)

    def measure(self, sizes: Sizes) -> dict:
        """Startup in seconds, tokens a second, and peak memory in GiB."""
        before, begun = peak_memory_gib(), time.monotonic()
        kept, held_out = read_trajectories(str(self._path), validation_fraction=0.01, stream=True)
        corpus = make_corpus(kept, self._tokenizer, CONVENTIONS["trl"], MAX_LENGTH)
        stream = iter(batches(corpus, ROWS, ROW_LENGTH, MAX_STEPS, seed=SEED, epochs=None))
        next(stream)
        startup = time.monotonic() - begun
        memory, tokens, begun = {}, 0, time.monotonic()
        for number in range(1, sizes.batches + 1):
            tokens += int((next(stream)["segment_ids"] > 0).sum())
            if number in (sizes.early, sizes.batches):
                memory[f"after_{number}_batches"] = round(peak_memory_gib(), 4)
        return {
            "startup_seconds": round(startup, 3),
            "held_out": sum(len(group) for _, group in held_out),
            "tokens_per_second": round(tokens / (time.monotonic() - begun)),
            "tokens": tokens,
            "peak_memory_gib": {"before": round(before, 4), **memory},
        }


class Consumer(Training):
    """Training, which knows the tokenizer that the streams are to use."""

    def save_tokenizer(self, directory):
        """Writes it."""
        self.run.backbone.tokenizer.save(directory)


class TinyTraining:
    """Training a tiny model on a set of files: the stream and all that goes with it.

    Args:
        path: directory of the files.
    """

    def __init__(self, path):
        self._path = str(path)

    def memory(self, n_updates: int) -> float:
        """Peak memory of this process in GiB after so many updates."""
        config = default_config()
        config.model.name, config.steps, config.tensorboard = TINY, n_updates, False
        config.data.update(
            train=self._path, rows=ROWS, row_length=ROW_LENGTH, max_length=ROW_LENGTH
        )
        with tempfile.TemporaryDirectory() as workdir:
            loop.train(config, workdir, progress=False)
        return round(peak_memory_gib(), 3)


def run(smoke: bool, progress: Progress) -> dict:
    """Measures.

    Args:
        smoke: small sets and a tiny model, all in this process.
        progress: shows the sets.

    Returns:
        Sizes, and the figures that docs/benchmarks.md explains.
    """
    sizes, apart = (SMOKE if smoke else Sizes()), not smoke
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        progress.say("training")
        given = solutions(lengths(sizes.solutions, SEED, sizes.scale), SEED)
        with working(Consumer, sizes.preset, given, dict(sizes.options), apart=apart) as way:
            way.call("save_tokenizer", place / "tokenizer")
            what = way.call("describe")
            way.call("train")
            seconds = statistics.median(way.call("train") for _ in range(sizes.epochs))
        trained = sum(len(item.tokens) for item in what["encoded"]) / seconds
        progress.begin("sets", len(sizes.trajectories))
        sets = []
        for number, n in enumerate(sizes.trajectories):
            path = make_set(place / f"set{n}", n)
            with working(Stream, path, place / "tokenizer", apart=apart) as way:
                found = way.call("measure", sizes)
            files = [file.stat().st_size for file in path.iterdir()]
            shape = {"trajectories": n, "steps": n * STEPS_EACH, "bytes": sum(files)}
            sets.append({**shape, "files": len(files), **found})
            progress.update(number + 1)
        memory = {}
        for n_updates in sizes.updates:
            with working(TinyTraining, path, apart=apart) as way:
                memory[f"after_{n_updates}_updates"] = way.call("memory", n_updates)
    slowest = min(found["tokens_per_second"] for found in sets)
    return {
        "seed": SEED,
        "shape": {"rows": ROWS, "row_length": ROW_LENGTH, "max_steps": MAX_STEPS},
        "sets": sets,
        "peak_memory_gib_of_training_a_tiny_model": memory,
        "training": {"model": what["model"], "tokens_per_second": round(trained, 1)},
        "stream_over_training": round(slowest / trained, 1),
    }


def make_set(directory, n) -> Path:
    """Writes `n` solutions as files of `PART`; returns the directory."""
    for number, start in enumerate(range(0, n, PART)):
        part = made_solutions(start, min(PART, n - start))
        array_records.write(directory / f"part{number:04d}", part, shard_size=PART)
    return directory


def made_solutions(start, n):
    """Running sums of ten numbers, some with a wrong one; the same for the same numbers."""
    rng = np.random.default_rng(start)
    numbers_NS = rng.integers(10, 1000, (n, STEPS_EACH))
    wrong_N = np.where(rng.random(n) < 0.5, rng.integers(0, STEPS_EACH, n), -1)
    for i in range(n):
        numbers, wrong = numbers_NS[i].tolist(), int(wrong_N[i])
        total, steps = 0, []
        for j, number in enumerate(numbers):
            result = total + number + (10 if j == wrong else 0)
            steps.append(f"Add {number} to {total}: the sum is now {result}.")
            total = result
        yield Trajectory(
            problem=f"What is the sum of {', '.join(map(str, numbers))}?",
            steps=tuple(steps),
            first_error=wrong,
            id=str(start + i),
        )
