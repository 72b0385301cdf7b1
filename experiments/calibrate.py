"""Says of every step how probable it is that it is right, and whether that can be trusted.

    python -m experiments.calibrate --model=runs/mine --calibration=labelled.jsonl \
        --input=solutions.jsonl --output=judged.jsonl --alpha=0.95

An SDM estimator (arXiv:2509.12760) is fitted on the states of the labelled steps and kept in
OUTPUT.sdm. Each output line has step_scores (probability that the step is right) and for each step
probability, prediction, q, d, region (level that admits it), admitted, admitted_lower, ood and
reason. Steps are admitted where their predictions are right with at least the share --alpha among
the calibration steps; where that cannot be promised none is. Use other problems to calibrate than
the model was trained on.
"""

import json
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
flags.DEFINE_string("hyper", "", "Further hyperparameters as JSON, see calibration/sdm/estimator.")
flags.DEFINE_integer("layers", -1, "Layers whose states are taken; -1 is all.")
flags.DEFINE_string("convention", None, "How steps are marked; default: what the model records.")
flags.DEFINE_string("format", "auto", "Format of both files; see docs/data_formats.md.")
flags.DEFINE_integer("max_length", None, "Most tokens of a solution.", lower_bound=1)
flags.DEFINE_string("aggregation", "min", "Steps to solution.")
flags.DEFINE_integer("nearest", 0, "Name so many calibration steps for each.", lower_bound=0)
flags.mark_flags_as_required(["model", "calibration", "input", "output"])


def main(_):
    """Calibrates and judges."""
    from prm_jax.calibration.calibrate_file import calibrate_file  # so that --help answers at once
    from prm_jax.errors import InputError
    from prm_jax.progress import Progress

    try:
        hyper: dict[str, Any] = {"alpha": FLAGS.alpha, **json.loads(FLAGS.hyper or "{}")}
    except (ValueError, TypeError) as error:
        raise InputError(f"{FLAGS.hyper!r} is no JSON object: {error}", field="hyper") from error
    names = ("layers", "convention", "format", "max_length", "aggregation", "nearest")
    options: dict[str, Any] = {name: FLAGS[name].value for name in names}
    given = (FLAGS.model, FLAGS.calibration, FLAGS.input, FLAGS.output)
    with Progress("calibrating") as bar:
        meta = calibrate_file(*given, sdm_directory=FLAGS.sdm, hyper=hyper, progress=bar, **options)
    levels = ", ".join(f"{region['alpha']:g}" for region in meta["regions"]) or "none"
    print(f"levels with a region: {levels}")
    print(f"{FLAGS.output}: {meta['admitted']} of {meta['steps']} steps admitted")


if __name__ == "__main__":
    cli.run(main)
