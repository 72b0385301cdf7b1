"""Measures how fast this machine works, and in how much memory.

    python -m experiments.benchmark                               # lists the suites
    python -m experiments.benchmark --suite=score --output=results/benchmark_score.json \
        --plot=results/roofline_score.svg
    python -m experiments.benchmark --document                    # docs/benchmarks.md from results/

A suite is a process of its own, so that its peak memory is its own. Let nothing else run beside it.
What each suite measures stands in docs/benchmarks.md.
"""

import sys
from pathlib import Path

from absl import flags

from prm_jax import cli

ROOT = Path(__file__).resolve().parents[1]

SUITE = flags.DEFINE_string("suite", "", "What to measure.")
SMOKE = flags.DEFINE_bool("smoke", False, "Small sizes, which only show that it runs.")
OUTPUT = flags.DEFINE_string("output", "", "The JSON file to write.")
PLOT = flags.DEFINE_string("plot", "", "An SVG file for the roofline of score and train.")
DOCUMENT = flags.DEFINE_bool("document", False, "Write docs/benchmarks.md.")


def main(_):
    """Lists, measures or documents."""
    import json  # here, so that --help and bad flags answer at once

    from prm_jax.benchmark import document, roofline, suites
    from prm_jax.files import check_writable, write_json

    if DOCUMENT.value:
        document.write(ROOT / "results", ROOT / "docs" / "benchmarks.md")
        return
    if not SUITE.value:
        for name, what in suites.SUITES.items():
            print(f"{name:12} {what}")
        return
    for path in filter(None, (OUTPUT.value, PLOT.value)):
        check_writable(path)
    command = " ".join(["python -m experiments.benchmark", *sys.argv[1:]])
    result = suites.run_suite(SUITE.value, smoke=SMOKE.value, command=command)
    if OUTPUT.value:
        write_json(OUTPUT.value, result)
    if PLOT.value:
        roofline.write(PLOT.value, result)
    measured = result["figures"] | {"peak_memory_gib": result["run"]["peak_memory_gib"]}
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    cli.run(main)
