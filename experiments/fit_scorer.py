"""Fits the parameters of a scorer on a scored file, and prints its line for experiments.score.

    python -m experiments.fit_scorer --fit=temperature --input=dev.jsonl --scores=dev_scores.jsonl

temperature needs labelled steps; length_debiased fits the solutions' scores over their length;
dimensions needs outcomes, and several files of scores, --scores=a.jsonl,b.jsonl. The scores are
those that experiments.score wrote for the input, with the scorer to be improved. Fit on other data
than is scored with the line.
"""

from absl import flags

from prm_jax import cli

FLAGS = flags.FLAGS
flags.DEFINE_enum("fit", None, ["temperature", "length_debiased", "dimensions"], "What to fit.")
flags.DEFINE_string("input", None, "Solutions: a file, a directory or a glob.")
flags.DEFINE_list("scores", None, "What experiments.score wrote for them; several for dimensions.")
flags.DEFINE_string("format", "auto", "Format of the input; see docs/data_formats.md.")
flags.DEFINE_string("aggregation", "min", "Steps to solution, not for temperature; in [0, 1].")
flags.DEFINE_enum("measure", "characters", ["characters", "steps"], "What length_debiased counts.")
flags.mark_flags_as_required(["fit", "input", "scores"])


def main(_):
    """Fits and prints."""
    from prm_jax.errors import InputError  # so that --help and bad flags answer at once
    from prm_jax.evaluate.inputs import read_step_scores
    from prm_jax.scoring import fitted
    from prm_jax.scoring.inputs import read_identified

    trajectories = read_identified(FLAGS.input, FLAGS.format)
    tables = [read_step_scores(path, trajectories) for path in FLAGS.scores]
    scorers = [_scorer_of(path) for path in FLAGS.scores]
    if FLAGS.fit == "dimensions":
        options = {"aggregation": FLAGS.aggregation}
        print(fitted.dimensions_line(scorers, tables, trajectories, **options))
        return
    if len(tables) > 1:
        raise InputError(f"{FLAGS.fit} takes one file", field="scores")
    (scorer,), (scores,) = scorers, tables
    if FLAGS.fit == "temperature":
        print(fitted.temperature_line(scorer, scores, trajectories))
    else:
        options = {"aggregation": FLAGS.aggregation, "measure": FLAGS.measure}
        print(fitted.length_debiased_line(scorer, scores, trajectories, **options))


def _scorer_of(path):
    """The line that gave a file of scores."""
    from prm_jax.json_files import read_json

    meta = f"{path}.meta.json"
    record = read_json(meta, {"scorer": (str, type(None))}, optional=True, remedy=f"remove {meta}")
    return record.get("scorer") or "discriminative"


if __name__ == "__main__":
    cli.run(main)
