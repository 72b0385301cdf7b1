"""Makes a large set of array_record files and measures the stream of batches that is made of it.

python -m experiments.pipeline_throughput --workdir=runs/pipeline --steps=10000000

Killed while it makes the set, it goes on with the part it was at. A measurement is a process of its
own, so that its peak memory is its own.
"""

import json

from absl import flags

from prm_jax import cli

WORKDIR = flags.DEFINE_string("workdir", None, "Where the set is made.", required=True)
STEPS = flags.DEFINE_integer("steps", 10_000_000, "Reasoning steps of the set.", lower_bound=1)
BATCHES = flags.DEFINE_integer(
    "batches", 2000, "Batches after the first that are timed.", lower_bound=2
)
MODEL = flags.DEFINE_string("model", "smollm2-135m", "Whose tokenizer is used.")
OUTPUT = flags.DEFINE_string("output", "results/pipeline.json", "The JSON file to write.")


def main(_):
    """Measures the stream."""
    from prm_jax.files import write_json  # so that --help and bad flags answer at once
    from prm_jax.study import throughput

    result = throughput.run(WORKDIR.value, STEPS.value, BATCHES.value, MODEL.value)
    write_json(OUTPUT.value, result)
    shown = ("whole_set", "one_part", "training_a_tiny_model")
    print(json.dumps({name: result[name] for name in shown}, indent=2))


if __name__ == "__main__":
    cli.run(main)
