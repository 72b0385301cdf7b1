"""Measures step scores against what is known of the solutions.

    python -m experiments.evaluate --task=processbench --input=solutions.jsonl \\
        --scores=scores.jsonl --output=result.json

Tasks: processbench (first-error F1 per subset and mean), best_of_n (choosing among candidates),
steps (AUROC, accuracy, Brier score, calibration error). Scores come from a file of
experiments.score, or from a field of the rows, so that published scores can be replayed.
"""

from typing import Any

from absl import flags

from prm_jax import cli

FLAGS = flags.FLAGS
flags.DEFINE_string("task", None, "processbench, best_of_n or steps.")
flags.DEFINE_string("input", None, "Rows with labels or candidates: a file, directory or glob.")
flags.DEFINE_string("output", None, "JSON file to write.")
flags.DEFINE_string("scores", None, "File of experiments.score.")
flags.DEFINE_string("scores_key", None, "Name under which the rows hold scores.")
flags.DEFINE_string("format", "auto", "Format of the input; see docs/data_formats.md.")
flags.DEFINE_bool("skip_bad", False, "Go on after bad rows; they go to OUTPUT.rejects.jsonl.")
flags.DEFINE_string("threshold", "0.5", "A number, or the subset to tune it on, such as gsm8k.")
flags.DEFINE_list("aggregation", "min", "Steps to solution; several for best_of_n.")
flags.DEFINE_list("n", None, "Numbers of candidates; default: powers of two.")
flags.DEFINE_enum("subsample", "subsets", ["subsets", "prefix"], "Which n of the candidates.")
flags.DEFINE_integer("draws", 256, "Random subsets a problem for votes.", 1, 10**6)
flags.DEFINE_integer("n_boot", 2000, "Bootstrap resamples.", 1, 10**6)
flags.DEFINE_integer("seed", 0, "Seed of resamples and subsets.", 0, 2**32 - 1)
QUIET_SECONDS = 2.0  # what takes less shows no progress
flags.mark_flags_as_required(["task", "input", "output"])


def main(_):
    """Evaluates."""
    from prm_jax.evaluate.evaluate_file import evaluate_file  # so that --help answers at once
    from prm_jax.evaluate.inputs import number
    from prm_jax.files import beside, check_writable, write_json
    from prm_jax.progress import Progress
    from prm_jax.records import Rejects

    given = ("threshold", "aggregation", "n", "subsample", "draws", "n_boot", "seed")
    options: dict[str, Any] = {name: FLAGS[name].value for name in given if FLAGS[name].present}
    if "threshold" in options and options["threshold"][:1] in "0123456789.":
        options["threshold"] = number(options["threshold"], "threshold")
    if "n" in options:
        options["n"] = [number(text, "n", int) for text in options["n"]]
    names = ("scores", "scores_key", "format")
    options |= {name: FLAGS[name].value for name in names}
    check_writable(FLAGS.output, make=False)
    rejects = Rejects(beside(FLAGS.output, ".rejects.jsonl")) if FLAGS.skip_bad else None
    with Progress("evaluating", quiet=QUIET_SECONDS) as bar:
        options |= {"skip_bad": rejects, "progress": bar.update}
        result = evaluate_file(FLAGS.task, FLAGS.input, **options)
    write_json(FLAGS.output, result)
    for name, figure in result["metrics"].items():
        if figure is not None and figure["value"] is not None:
            shown = {key: figure[key] for key in ("value", "low", "high")}
            print(name, *(f"{key} {'-' if of is None else of}" for key, of in shown.items()))
    for name, reason in result["undefined"].items():
        print(f"{name} null: {reason}")
    for remark in result["remarks"]:
        print(remark)
    if rejects:
        rejects.write()
        print(f"{len(rejects.rows)} rows refused")


if __name__ == "__main__":
    cli.run(main)
