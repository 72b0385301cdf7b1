"""What `experiments.score` takes on ten rows at a commit and after it, in turn, with filled caches.

    python tests/measure_start.py --before=c5a2c26 --output=results/start.json

Nothing else may run on the machine. The commit is cloned; "after" is the code in this checkout.
Both score an export of SmolLM2-135M with the same packages: ten short rows, like the demo's, and
ten long ones, those of the benchmark `compile`. The first run of each fills its cache of compiled
programs: before, where JAX_COMPILATION_CACHE_DIR names it, after, in the user's cache. Then they
run in turn; a ratio is the median of the ratios of each pair, and the outputs must have equal
bytes. At the end one run of each says what its seconds are.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from prm_jax import provenance
from prm_jax.benchmark.ours import Scoring
from prm_jax.benchmark.pairs import first_of_each, in_turn, median_ratio
from prm_jax.benchmark.solutions import PROMPT, STEP, lengths, solutions
from prm_jax.data.synthetic import make_trajectories
from prm_jax.files import write_json
from prm_jax.progress import Progress
from prm_jax.records import write_jsonl
from prm_jax.weights import export

ROOT = Path(__file__).resolve().parents[1]
ROWS, SEED = 10, 0
FAMILIES = ("arithmetic", "calendar", "gcd", "word_problems", "linear_equations")
PARTS = """
import sys, time
began = time.monotonic()
import json
from prm_jax.scoring import discriminative, score_file
try:
    from prm_jax.compilation import keep_programs
    keep_programs()
except ImportError:  # before it was there
    pass

seconds = {"imports": time.monotonic() - began}

def timed(module, name, part):
    function = getattr(module, name)
    def call(*given, **options):
        begun = time.monotonic()
        try:
            return function(*given, **options)
        finally:
            again = name == "_forward" and part in seconds
            key = "further forward passes" if again else part
            seconds[key] = seconds.get(key, 0) + time.monotonic() - begun
    setattr(module, name, call)

timed(score_file, "read_identified", "reading rows")
timed(score_file, "load_model", "loading the model")
timed(score_file, "fingerprint", "checksum of parameters")
timed(discriminative, "_forward", "first forward pass")
timed(discriminative, "encode_unit", "encoding")
score_file.score_file(*sys.argv[1:])
seconds["all"] = time.monotonic() - began
print(json.dumps(seconds))
"""
"""Says what the seconds of one run are; parts may run beside each other."""


class Side:
    """One state of the code, with its own cache of compiled programs."""

    def __init__(self, root: Path, folder: Path, cache: dict[str, str]):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
        self._folder, self._root = folder, root
        self._environment = kept | {"PYTHONPATH": str(root)} | cache

    def score(self, rows: str) -> float:
        """Seconds of the command, from its start to its end."""
        output = self._folder / f"{rows}.scores.jsonl"
        output.unlink(missing_ok=True)
        command = ["-m", "experiments.score", f"--model={self._folder.parent / 'model'}"]
        command += [f"--input={self._folder.parent / rows}.jsonl", f"--output={output}"]
        begun = time.monotonic()
        self._run(command)
        return time.monotonic() - begun

    def output(self, rows: str) -> bytes:
        """What the last run wrote."""
        return (self._folder / f"{rows}.scores.jsonl").read_bytes()

    def parts(self, rows: str) -> dict[str, float]:
        """Seconds of the parts of one run."""
        place = self._folder.parent
        files = (place / "model", place / f"{rows}.jsonl", self._folder / "parts.jsonl")
        found = json.loads(self._run(["-c", PARTS, *map(str, files)]).splitlines()[-1])
        return {part: round(seconds, 2) for part, seconds in found.items()}

    def _run(self, arguments) -> str:
        command = [sys.executable, *arguments]
        options = dict(cwd=self._root, env=self._environment, capture_output=True, text=True)
        return subprocess.run(command, check=True, **options).stdout


def make_inputs(place: Path, preset: str) -> dict[str, dict]:
    """Writes the model and the rows; says of the rows how many tokens they have."""
    scorer = Scoring(preset, ())
    export(place / "model", scorer.model, scorer.params, scorer.tokenizer)
    rows = {
        "short": make_trajectories(FAMILIES, ROWS, SEED, split="test"),
        "long": solutions(lengths(ROWS, SEED), SEED, prompt=PROMPT, step=STEP),
    }
    about = {}
    for name, given in rows.items():
        write_jsonl(place / f"{name}.jsonl", (t.to_dict() for t in given))
        scorer.trajectories = given
        sizes = [len(item.tokens) for item in scorer.describe()["encoded"]]
        about[name] = {"rows": len(sizes), "tokens": sum(sizes), "longest": max(sizes)}
    return about


def compare(sides: dict[str, Side], rows: str, pairs: int, progress: Progress) -> dict:
    """Both sides on the same rows, pair by pair."""
    ways = {name: lambda side=side: side.score(rows) for name, side in sides.items()}
    first = first_of_each(ways)
    seconds = in_turn(ways, pairs, progress)
    before, after = (side.output(rows) for side in sides.values())
    return {
        "ratio": median_ratio(seconds["after"], seconds["before"]),
        "outputs_are_equal": before == after,
        **{
            name: {
                "seconds": round(statistics.median(seconds[name]), 2),
                "all_seconds": [round(value, 2) for value in seconds[name]],
                "first_seconds": round(first[name], 2),
                "parts": side.parts(rows),
            }
            for name, side in sides.items()
        },
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--before", required=True, help="commit to compare with")
    parser.add_argument("--pairs", type=int, default=5, help="runs of each after the first")
    parser.add_argument("--preset", default="smollm2-135m", help="model; tiny-llama to try it out")
    parser.add_argument("--output", type=Path, required=True, help="JSON file")
    arguments = parser.parse_args()
    began, git = time.monotonic(), ["git", "-C", str(ROOT)]
    commit = subprocess.check_output([*git, "rev-parse", arguments.before], text=True).strip()
    with tempfile.TemporaryDirectory(prefix="start.") as folder, Progress("pairs") as progress:
        place = Path(folder)
        clone = place / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        subprocess.run(["git", "-C", str(clone), "checkout", "--quiet", commit], check=True)
        for name in ("before", "after"):
            (place / name).mkdir()
        about = make_inputs(place, arguments.preset)
        sides = {
            "before": Side(
                clone, place / "before", {"JAX_COMPILATION_CACHE_DIR": str(place / "programs")}
            ),
            "after": Side(ROOT, place / "after", {"PRM_JAX_CACHE": str(place / "cache")}),
        }
        compared = {}
        for rows, counts in about.items():
            progress.begin(f"pairs of {rows} rows")
            compared[rows] = counts | compare(sides, rows, arguments.pairs, progress)
    run = provenance.run_record("python " + " ".join(sys.argv), time.monotonic() - began)
    figures = {"model": arguments.preset, "seed": SEED, "before": commit, "pairs": arguments.pairs}
    write_json(arguments.output, {"figures": figures | compared, "run": run})
    print(json.dumps({rows: of["ratio"] for rows, of in compared.items()}))
    sys.exit(0 if all(of["outputs_are_equal"] for of in compared.values()) else 1)


if __name__ == "__main__":
    main()
