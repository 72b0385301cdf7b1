"""How fast the stream of batches from a large set is, and how much memory it takes."""

import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np

from prm_jax.data.corpus import make_corpus, read_trajectories
from prm_jax.data.pipeline import batches
from prm_jax.formats import array_records
from prm_jax.progress import Progress
from prm_jax.provenance import code_version, machine, peak_memory_gib, versions
from prm_jax.records import Trajectory
from prm_jax.text import CONVENTIONS, Tokenizer
from prm_jax.train import loop
from prm_jax.train.config import default_config
from prm_jax.weights import load_model

ROWS, ROW_LENGTH, MAX_STEPS, MAX_LENGTH = 8, 1024, 64, 512
STEPS_EACH, PART = 10, 50_000  # steps of a trajectory, trajectories of a part
UPDATES = (20, 400)  # of a tiny model, after which memory is looked at
EARLY = 10  # batches after which memory is first looked at


def run(workdir, n_steps: int, n_batches: int, model: str) -> dict:
    """Makes the set, or what is missing of it, and measures the stream over it and over a part.

    Args:
        workdir: where the set is made.
        n_steps: reasoning steps of the set.
        n_batches: batches after the first that are timed.
        model: whose tokenizer is used.

    Returns:
        JSON-able dict: the set, and per measurement startup in seconds, tokens a second and peak
        memory in GiB; versions and machine.
    """
    workdir, n = Path(workdir), -(-n_steps // STEPS_EACH)
    with Progress("making") as show:
        seconds = make_set(workdir / "set", n, show)
    # An untouched process for each: `spawn`, since a fork would inherit this one's memory.
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        pool.apply(save_tokenizer, (model, workdir / "tokenizer"))
        whole = pool.apply(measure, (workdir / "set", workdir / "tokenizer", n_batches))
        small = pool.apply(measure, (first_part(workdir), workdir / "tokenizer", n_batches))
        trained = {
            f"peak_memory_gib_after_{n}_updates": pool.apply(train, (workdir, n)) for n in UPDATES
        }
    sizes = [file.stat().st_size for file in (workdir / "set").iterdir()]
    return {
        "set": {
            "trajectories": n,
            "steps": n * STEPS_EACH,
            "files": len(sizes),
            "bytes": sum(sizes),
            "seconds_of_making_what_was_missing": seconds,
        },
        "shape": {"rows": ROWS, "row_length": ROW_LENGTH, "max_steps": MAX_STEPS},
        "tokenizer": model,
        "whole_set": whole,
        "one_part": {"trajectories": min(n, PART), **small},
        "training_a_tiny_model": trained,
        "code": code_version(),
        "versions": versions(),
        "machine": machine(),
    }


def make_set(directory, n, show) -> float:
    """Makes the parts of the set that are not there; returns the seconds it took."""
    begun = time.monotonic()
    starts = range(0, n, PART)
    show.begin("making", len(starts))
    for number, start in enumerate(starts):
        name = directory / f"part{number:04d}"
        found = list(directory.glob(f"{name.name}-*")) if directory.is_dir() else []
        if not found:
            array_records.write(name, solutions(start, min(PART, n - start)), shard_size=PART)
        show.update(number + 1)
    return time.monotonic() - begun


def first_part(workdir) -> Path:
    """The first file of the set."""
    return min((workdir / "set").iterdir())


def solutions(start, n):
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


def save_tokenizer(model, directory):
    """Writes a model's tokenizer, in a process of its own: loading the model takes memory."""
    load_model(model)[2].save(directory)


def measure(path, tokenizer_directory, n_batches) -> dict:
    """Startup, speed and memory of a shuffled stream over a set."""
    tokenizer = Tokenizer.from_dir(tokenizer_directory)
    before, begun = peak_memory_gib(), time.monotonic()
    kept, held_out = read_trajectories(str(path), validation_fraction=0.01, stream=True)
    corpus = make_corpus(kept, tokenizer, CONVENTIONS["trl"], MAX_LENGTH)
    stream = iter(batches(corpus, ROWS, ROW_LENGTH, MAX_STEPS, seed=0, epochs=None))
    next(stream)
    startup = time.monotonic() - begun
    memory, tokens, begun = {}, 0, time.monotonic()
    for number in range(1, n_batches + 1):
        tokens += int((next(stream)["segment_ids"] > 0).sum())
        if number in (EARLY, n_batches):
            memory[f"after_{number}_batches"] = round(peak_memory_gib(), 4)
    return {
        "startup_seconds": round(startup, 3),
        "held_out": sum(len(group) for _, group in held_out),
        "tokens_per_second": round(tokens / (time.monotonic() - begun)),
        "tokens": tokens,
        "peak_memory_gib": {"before": round(before, 4), **memory},
    }


def train(workdir, n_updates) -> float:
    """Peak memory in GiB of a process that trains a tiny model on the set for some updates."""
    config = default_config()
    config.model.name, config.steps, config.tensorboard = "random:tiny-llama", n_updates, False
    config.data.update(
        train=str(workdir / "set"), rows=ROWS, row_length=ROW_LENGTH, max_length=ROW_LENGTH
    )
    with tempfile.TemporaryDirectory(dir=workdir) as run_workdir:
        loop.train(config, run_workdir)
    return round(peak_memory_gib(), 3)
