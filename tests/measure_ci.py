"""What `.ci/run` takes at a commit and after it, in turn, each with empty caches.

    python tests/measure_ci.py --before=fa7c6ba --output=results/ci.json [--first=after]

Nothing else may run on the machine. What ran is written at once, beside the output. Each commit is
cloned and has its own environment, compiled programs and temporary files; weights that were fetched
before are used by both. Ratios are given only of runs that ended well.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from prm_jax import provenance
from prm_jax.files import write_json
from prm_jax.weights import artifacts

WEIGHTS = "smollm2-135m"
LISTED = 5.0
"""Seconds from which a file of tests is listed."""
PLUGIN = """
import os, pytest

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item, nextitem):
    began = sum(os.times()[:4])
    yield
    with open(os.path.join(os.environ["CI_SECONDS"], str(os.getpid())), "a") as file:
        file.write(f"{sum(os.times()[:4]) - began:.3f}\\t{item.nodeid}\\n")
"""
"""Writes the processor seconds of each test and of the children it waited for."""


def measure(commit: str, folder: Path) -> dict:
    """Runs `.ci/run` of a commit in a fresh clone.

    Args:
        commit: any name of it that git knows.
        folder: an empty one, for all that the run makes.

    Returns:
        The commit, exit status, seconds, processor seconds, and `tests`: processor seconds by id.
    """
    clone, seconds = folder / "clone", folder / "seconds"
    for name in ("seconds", "plugin", "tmp", "cache"):
        (folder / name).mkdir()
    (folder / "plugin" / "ci_seconds.py").write_text(PLUGIN)
    subprocess.run(["git", "clone", "--quiet", os.getcwd(), str(clone)], check=True)
    subprocess.run(["git", "-C", str(clone), "checkout", "--quiet", commit], check=True)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("JAX_")},
        "CI_SECONDS": str(seconds),
        "PYTEST_PLUGINS": "ci_seconds",
        "PYTHONPATH": str(folder / "plugin"),
        "PIP_NO_CACHE_DIR": "1",
        "TMPDIR": str(folder / "tmp"),
        "PRM_JAX_CACHE": str(folder / "cache"),
    }
    kept = artifacts.cached_path(WEIGHTS)
    if kept.is_file():
        place = folder / "cache" / kept.parent.name / kept.name
        place.parent.mkdir()
        place.symlink_to(kept)
    used, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with open(folder / "log", "wb") as log:
        code = subprocess.run(
            [str(clone / ".ci" / "run")], env=environment, stdout=log, stderr=subprocess.STDOUT
        ).returncode
    wall, spent = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    tests = {}
    for file in seconds.iterdir():
        for line in file.read_text().splitlines():
            taken, name = line.split("\t", 1)
            tests[name] = float(taken)
    if code:
        print((folder / "log").read_text(errors="replace")[-3000:], file=sys.stderr)
    return {
        "commit": commit,
        "exit_status": code,
        "seconds": round(wall, 1),
        "processor_seconds": round(
            spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime, 1
        ),
        "tests": tests,
    }


def compare(before: dict, after: dict) -> dict:
    """Both runs side by side: all of `.ci/run`, tests in both, and files that take long."""
    sides = {"before": before, "after": after}
    both = before["tests"].keys() & after["tests"].keys()
    files: dict[str, dict] = defaultdict(lambda: {"tests": 0, "before": 0.0, "after": 0.0})
    for side, run in sides.items():
        for name, taken in run["tests"].items():
            file = files[name.partition("::")[0]]
            file[side] += taken
            file["tests"] += side == "after"
    shared = {side: sum(run["tests"][name] for name in both) for side, run in sides.items()}
    complete = before["exit_status"] == after["exit_status"] == 0
    return {
        "complete": complete,
        "whole": {side: {**run, "tests": len(run["tests"])} for side, run in sides.items()},
        "ratio_of_seconds": round(after["seconds"] / before["seconds"], 3) if complete else None,
        "tests_in_both": {
            "tests": len(both),
            **{side: round(taken, 1) for side, taken in shared.items()},
            "ratio": round(shared["after"] / shared["before"], 3) if complete and both else None,
        },
        "files": {
            name: {key: round(value, 1) for key, value in file.items()}
            for name, file in sorted(files.items())
            if max(file["before"], file["after"]) >= LISTED
        },
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--before", required=True, help="commit to compare with")
    parser.add_argument("--after", default="HEAD", help="commit that is measured")
    parser.add_argument("--first", choices=("before", "after"), default="before")
    parser.add_argument("--output", type=Path, required=True, help="JSON file")
    arguments = parser.parse_args()
    began, runs = time.monotonic(), {}
    for side in ("before", "after") if arguments.first == "before" else ("after", "before"):
        name = getattr(arguments, side)
        commit = subprocess.check_output(["git", "rev-parse", name], text=True).strip()
        with tempfile.TemporaryDirectory(prefix="ci.") as folder:
            runs[side] = measure(commit, Path(folder))
        write_json(arguments.output.with_suffix(f".{side}.json"), runs[side])
        shown = {key: value for key, value in runs[side].items() if key != "tests"}
        print(side, json.dumps(shown), f"{len(runs[side]['tests'])} tests", flush=True)
    compared = compare(**runs)
    compared["first"] = arguments.first
    run = provenance.run_record(" ".join(sys.argv), time.monotonic() - began)
    write_json(arguments.output, {"figures": compared, "run": run})
    print(json.dumps({key: compared[key] for key in ("ratio_of_seconds", "tests_in_both")}))
    sys.exit(0 if compared["complete"] else 1)


if __name__ == "__main__":
    main()
