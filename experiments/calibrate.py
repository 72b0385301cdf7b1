"""Says of every step how probable it is that it is right, and whether that can be trusted.

    python -m experiments.calibrate --model=runs/mine --calibration=labelled.jsonl \
        --input=solutions.jsonl --output=judged.jsonl --alpha=0.95

An SDM estimator (arXiv:2509.12760) is fitted on the states of the labelled steps and kept in
OUTPUT.sdm; with --level=solution on whole solutions, by their outcomes. What is admitted was right
with at least the share --alpha among calibration rows like it; where that cannot be promised none
is. docs/data_formats.md lists the fields of the output; --report shows them on a page. Use other
problems to calibrate than the model was trained on.
"""

import sys
from typing import Any

from absl import flags

from prm_jax import cli

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "Directory, .gguf file, training workdir or preset.")
flags.DEFINE_string("calibration", None, "Solutions with step labels.")
flags.DEFINE_string("input", None, "Solutions to judge: a file, a directory or a glob.")
flags.DEFINE_string("output", None, "JSON lines to write.")
flags.DEFINE_string("sdm", None, "Directory of the estimator; default: OUTPUT.sdm.")
flags.DEFINE_float("alpha", 0.95, "Accuracy that is asked for.", 0.5, 1)
flags.DEFINE_string("hyper", "", "Further hyperparameters as JSON, see calibration/sdm/options.")
flags.DEFINE_enum("level", "step", ["step", "solution"], "What is judged.")
flags.DEFINE_string("cache", None, "Directory that keeps states for other runs.")
flags.DEFINE_integer("layers", -1, "Layers whose states are taken; -1 is all.", -1, 10_000)
flags.DEFINE_string("convention", None, "How steps are marked: name or JSON; default: recorded.")
flags.DEFINE_string("format", "auto", "Format of both files; see docs/data_formats.md.")
flags.DEFINE_integer("max_length", None, "Most tokens of a solution.", 1, 2**24)
flags.DEFINE_string("aggregation", "min", "Steps to solution.")
flags.DEFINE_integer(
    "nearest",
    None,
    "Name so many calibration steps for each; default: 0, 3 with --report.",
    0,
    1000,
)
flags.DEFINE_list(
    "baselines", [], "Beside it: softmax, temperature, platt, isotonic, aps, raps, ..."
)
flags.DEFINE_string("report", None, "HTML page to write about what was judged.")
flags.mark_flags_as_required(["model", "calibration", "input", "output"])


def main(_):
    """Calibrates and judges."""
    from prm_jax.calibration.calibrate_file import (  # so that --help answers at once
        calibrate_file,
        summary,
    )
    from prm_jax.calibration.sdm.options import parse
    from prm_jax.compilation import keep_programs
    from prm_jax.files import check_writable
    from prm_jax.progress import Progress
    from prm_jax.report.calibration_page import report_judged_file

    keep_programs()
    hyper = {"alpha": FLAGS.alpha, **parse(FLAGS.hyper)}
    names = ("layers", "convention", "format", "max_length", "aggregation", "nearest", "level")
    options: dict[str, Any] = {name: FLAGS[name].value for name in (*names, "cache", "baselines")}
    if FLAGS.nearest is None:
        options["nearest"] = 3 if FLAGS.report else 0
    if FLAGS.report:
        check_writable(FLAGS.report)
    given = (FLAGS.model, FLAGS.calibration, FLAGS.input, FLAGS.output)
    with Progress("calibrating") as bar:
        meta = calibrate_file(*given, sdm_directory=FLAGS.sdm, hyper=hyper, progress=bar, **options)
    print(summary(meta))
    if FLAGS.report:
        command = " ".join(["python -m experiments.calibrate", *sys.argv[1:]])
        labelled = (FLAGS.calibration, FLAGS.format)
        report_judged_file(FLAGS.report, FLAGS.input, FLAGS.output, meta, *labelled, command)
        print(FLAGS.report)


if __name__ == "__main__":
    cli.run(main)
