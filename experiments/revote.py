"""Makes the votes of a study's result file again, after a change to how answers are compared.

    python -m experiments.revote --input=results/mix.json --output=results/mix.json

No model is run: votes by number and the baselines are computed from candidates that the result's
configuration makes again; figures that need the models' scores are emptied where votes changed.
"""

import copy
import sys
import time

from absl import flags

from prm_jax import cli

INPUT = flags.DEFINE_string("input", None, "Result file of experiments.study.", required=True)
OUTPUT = flags.DEFINE_string("output", None, "Where the changed result is written.", required=True)


def main(_):
    """Reads, votes again and writes."""
    from prm_jax import provenance  # so that --help and bad flags answer at once
    from prm_jax.files import write_json
    from prm_jax.json_files import read_json
    from prm_jax.study.revote import revote

    began = time.monotonic()
    before = read_json(INPUT.value)
    result = revote(copy.deepcopy(before))
    command = " ".join(["python -m experiments.revote", *sys.argv[1:]])
    result["revoted"]["run"] = provenance.run_record(command, time.monotonic() - began)
    write_json(OUTPUT.value, result)
    for name, change in result["revoted"]["changed"].items():
        n = max(change["majority_after"], key=int)
        old, new = (change[f"majority_{when}"][n]["value"] for when in ("before", "after"))
        print(f"{name}: majority of {n} {old:.3f} -> {new:.3f}")


if __name__ == "__main__":
    cli.run(main)
