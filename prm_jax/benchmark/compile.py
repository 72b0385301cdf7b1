"""The first result of `experiments.score`: with a cold cache of compiled programs, with a warm one,
and what a second file of other lengths compiles in the same process."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax

import prm_jax
from prm_jax.benchmark.compilations import counted
from prm_jax.benchmark.ours import Scoring
from prm_jax.benchmark.solutions import PROMPT, STEP, lengths, solutions
from prm_jax.progress import Progress
from prm_jax.records import write_jsonl
from prm_jax.scoring.score_file import score_file
from prm_jax.weights import export

ROWS = 10
PRESET, WARM_RUNS = "smollm2-135m", 3
SMOKE = ("tiny-llama", 1)
FILES = (("first", 32, 1.0), ("second", 24, 0.9), ("third", 10, 0.8))
"""Name, solutions and a factor on their length."""
SCALE_OF_SMOKE = 0.03
SHORTEST_STEP = 8


def run(smoke: bool, progress: Progress) -> dict:
    """Measures.

    Args:
        smoke: a tiny model and short solutions.
        progress: shows what is run.

    Returns:
        Seconds of the command with a cold and with a warm cache, from its start to its end; then
        the programs that are compiled by scoring a file and two of other lengths after it.
    """
    preset, warm_runs = SMOKE if smoke else (PRESET, WARM_RUNS)
    scale = SCALE_OF_SMOKE if smoke else 1.0
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        scorer = Scoring(preset, ())
        export(place / "model", scorer.model, scorer.params, scorer.tokenizer)

        def make(name, n, seed, stretched=1.0):
            n_tokens = lengths(n, seed, scale * stretched)
            step = max(SHORTEST_STEP, STEP * scale)
            given = solutions(n_tokens, seed, prompt=round(PROMPT * scale), step=step)
            write_jsonl(place / name, (t.to_dict() for t in given))
            return place / name

        ten = make("ten.jsonl", ROWS, seed=0)
        progress.say("with a cold cache")
        cold = _command(place, ten)
        progress.say("with a warm cache")
        warm = sorted(_command(place, ten) for _ in range(warm_runs))
        compiled = {}
        jax.clear_caches()  # whatever else this process compiled
        for name, n, stretched in FILES:
            progress.say(f"compilations of the {name} file")
            given = make(f"{name}.jsonl", n, n, stretched)
            with counted() as found:
                score_file(str(place / "model"), given, place / f"{name}.scores.jsonl")
            compiled[name] = {
                "solutions": n,
                "programs": found.count,
                "seconds": round(found.seconds, 2),
            }
    return {
        "model": scorer.name,
        "rows": ROWS,
        "cold_seconds": round(cold, 2),
        "warm_seconds": round(warm[len(warm) // 2], 2),
        "all_warm_seconds": [round(seconds, 2) for seconds in warm],
        **{f"compiled_by_the_{name}_file": found for name, found in compiled.items()},
    }


def _command(place, path) -> float:
    """Seconds of scoring a file in a process of its own, whose cache is in `place`."""
    output = place / "scores.jsonl"
    output.unlink(missing_ok=True)
    command = [sys.executable, "-m", "experiments.score", f"--model={place / 'model'}"]
    command += [f"--input={path}", f"--output={output}"]
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(place / "cache")}
    root = Path(prm_jax.__file__).parents[1]
    begun = time.monotonic()
    subprocess.run(command, check=True, cwd=root, env=environment, capture_output=True)
    return time.monotonic() - begun
