"""Fits the parameters of a scorer on a scored file, and prints its line for experiments.score.

    python -m experiments.fit_scorer --fit=temperature --input=dev.jsonl --scores=dev_scores.jsonl

temperature needs labelled steps; length_debiased fits the solutions' scores over their length. The
scores are those that experiments.score wrote for the input, with the scorer to be improved. Fit on
other data than is scored with the line.
"""

import contextlib
import json

from absl import flags

from prm_jax import cli

FLAGS = flags.FLAGS
flags.DEFINE_enum("fit", None, ["temperature", "length_debiased"], "What to fit.")
flags.DEFINE_string("input", None, "Solutions: a file, a directory or a glob.")
flags.DEFINE_string("scores", None, "What experiments.score wrote for them.")
flags.DEFINE_string("format", "auto", "Format of the input; see docs/data_formats.md.")
flags.DEFINE_string("aggregation", "min", "Steps to solution, for length_debiased; in [0, 1].")
flags.DEFINE_enum("measure", "characters", ["characters", "steps"], "What length_debiased counts.")
flags.mark_flags_as_required(["fit", "input", "scores"])


def main(_):
    """Fits and prints."""
    from prm_jax.evaluate.inputs import read_scores  # so that --help and bad flags answer at once
    from prm_jax.scoring import fitted
    from prm_jax.scoring.inputs import read_identified

    trajectories = read_identified(FLAGS.input, FLAGS.format)
    scores = read_scores(FLAGS.scores, trajectories)
    scorer = "discriminative"
    with contextlib.suppress(OSError, ValueError, KeyError):
        with open(f"{FLAGS.scores}.meta.json", encoding="utf-8") as file:
            scorer = json.load(file)["scorer"]
    if FLAGS.fit == "temperature":
        print(fitted.temperature_line(scorer, scores, trajectories))
    else:
        options = {"aggregation": FLAGS.aggregation, "measure": FLAGS.measure}
        print(fitted.length_debiased_line(scorer, scores, trajectories, **options))


if __name__ == "__main__":
    cli.run(main)
