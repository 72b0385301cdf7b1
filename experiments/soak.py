"""Kills commands with a tiny model at random moments, and checks what they come to.

    python -m experiments.soak --kills=600 --workdir=runs/soak --output=results/soak.json

Trainings, scorings, calibrations, evaluations, conversions and studies are each compared with one
that was never disturbed: parameters, metrics, estimators, figures and files bit by bit, every line
of scores once and in order; every checkpoint and every output that a kill leaves must be whole. The
same command continues a soak that was stopped; --smoke is a small one.
"""

import sys

from absl import flags

from prm_jax import cli

KILLS = flags.DEFINE_integer(
    "kills", None, "Number; default: 600, or 12 for --smoke.", lower_bound=2, upper_bound=10**6
)
SEED = flags.DEFINE_integer("seed", 0, "Of their order and moments.", 0, 2**32 - 1)
WORKDIR = flags.DEFINE_string("workdir", None, "Directory of the soak.", required=True)
SMOKE = flags.DEFINE_bool("smoke", False, "Small sizes, which only show that it works.")
OUTPUT = flags.DEFINE_string("output", "", "The JSON file to write.")


def main(_):
    """Soaks."""
    import json  # here, so that --help and bad flags answer at once
    import signal

    from prm_jax.files import check_writable, write_json
    from prm_jax.progress import Progress
    from prm_jax.soak.run import soak

    if OUTPUT.value:
        check_writable(OUTPUT.value)
    # An exit, so that the process it watches is not left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = dict(seed=SEED.value, smoke=SMOKE.value)
    command = " ".join(["python -m experiments.soak", *sys.argv[1:]])
    kills = KILLS.value or (12 if SMOKE.value else 600)
    with Progress("kills") as show:
        result = soak(WORKDIR.value, kills, command=command, show=show, **options)
    if OUTPUT.value:
        write_json(OUTPUT.value, result)
    print(json.dumps(result["figures"], indent=2))


if __name__ == "__main__":
    cli.run(main)
