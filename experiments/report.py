"""Shows a file of solutions and their step scores as one HTML page.

    python -m experiments.report --input=IN.jsonl --scores=OUT.jsonl --output=report.html

A step is predicted to be wrong if it scores below the threshold: by default the one that was tuned
for the model, if its files or the scores' record it, else 0.5.
"""

import sys
from pathlib import Path

from absl import flags

from prm_jax import cli

FLAGS = flags.FLAGS
flags.DEFINE_string("input", None, "Solutions, in any format that prm_jax reads.", required=True)
flags.DEFINE_string("scores", None, "Their scores, written by experiments.score.", required=True)
flags.DEFINE_string("output", None, "The HTML file to write.", required=True)
flags.DEFINE_string("format", "auto", "Format of the input.")
flags.DEFINE_string("title", None, "Heading of the page; by default the name of the input.")
flags.DEFINE_string("threshold", None, "A number, or a result of evaluate; default: as recorded.")
flags.DEFINE_integer("solutions", 12, "How many solutions to show.", 1, 10**6)
flags.DEFINE_integer("seed", 0, "Seed of the choice of solutions.", 0, 2**32 - 1)


def main(argv):
    from prm_jax.evaluate.inputs import read_step_scores  # so that --help answers at once
    from prm_jax.report import report_from_scores
    from prm_jax.report.threshold import find_threshold
    from prm_jax.scoring.inputs import read_identified

    del argv
    threshold, source = find_threshold(FLAGS.threshold, FLAGS.scores)
    trajectories = read_identified(FLAGS.input, FLAGS.format)
    report_from_scores(
        FLAGS.output,
        trajectories,
        read_step_scores(FLAGS.scores, trajectories),
        title=FLAGS.title or f"Scores of {Path(FLAGS.input).name}",
        threshold=threshold,
        threshold_source=source,
        n_solutions=FLAGS.solutions,
        seed=FLAGS.seed,
        details={
            "Run": {
                "input": FLAGS.input,
                "scores": FLAGS.scores,
                "command": " ".join(["python -m experiments.report", *sys.argv[1:]]),
            }
        },
    )
    print(FLAGS.output)


if __name__ == "__main__":
    cli.run(main)
