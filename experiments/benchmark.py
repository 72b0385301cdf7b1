"""Measures how fast this machine works, and in how much memory.

    python -m experiments.benchmark                               # lists the suites
    python -m experiments.benchmark --suite=sdm --output=results/benchmark_sdm.json

A suite is a process of its own, so that its peak memory is its own. Let nothing else run beside it.
"""

import sys

from absl import flags

from prm_jax import cli

SUITE = flags.DEFINE_string("suite", "", "What to measure.")
SMOKE = flags.DEFINE_bool("smoke", False, "Small sizes, which only show that it runs.")
OUTPUT = flags.DEFINE_string("output", "", "The JSON file to write.")


def main(_):
    """Lists or measures."""
    import json  # here, so that --help and bad flags answer at once

    from prm_jax.benchmark import suites
    from prm_jax.files import check_writable, write_json

    if not SUITE.value:
        for name, what in suites.SUITES.items():
            print(f"{name:12} {what}")
        return
    if OUTPUT.value:
        check_writable(OUTPUT.value)
    command = " ".join(["python -m experiments.benchmark", *sys.argv[1:]])
    result = suites.run_suite(SUITE.value, smoke=SMOKE.value, command=command)
    if OUTPUT.value:
        write_json(OUTPUT.value, result)
    measured = result["figures"] | {"peak_memory_gib": result["run"]["peak_memory_gib"]}
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    cli.run(main)
