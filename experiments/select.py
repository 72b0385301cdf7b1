"""Answers the problems of a judged file by a selective policy, and says how often it is right.

    python -m experiments.select --config=configs/selective.py:best_of_n --input=judged.jsonl \
        --reference=labelled.jsonl --output=result.json

The input is what experiments.calibrate wrote of several candidates a problem; the reference holds
them with their outcomes, or answers and gold answers. The result has the share of problems that are
answered, the accuracy there, both with intervals, and the same for every level of the judgement; of
comparisons that accuracy which choosing as many problems by score alone would have.
"""

from absl import flags

from prm_jax import cli, config_files

CONFIG = config_files.define("prm_jax.calibration.select_config:default_config", open=("options",))
INPUT = flags.DEFINE_string("input", None, "File of experiments.calibrate.")
SECOND = flags.DEFINE_string("second", None, "The same of a second model, for route.")
REFERENCE = flags.DEFINE_list("reference", None, "Solutions with outcomes: files, or globs.")
OUTPUT = flags.DEFINE_string("output", None, "JSON file to write.")
CHOICES = flags.DEFINE_string("output_choices", None, "JSON lines to write, one a problem.")
FORMAT = flags.DEFINE_string("format", "auto", "Format of the reference.")
flags.mark_flags_as_required(["config", "input", "reference", "output"])


def main(_):
    """Selects and measures."""
    from prm_jax.calibration.select_file import select_file  # so that --help answers at once
    from prm_jax.files import check_writable, write_json

    config = CONFIG.value
    check_writable(OUTPUT.value)
    result = select_file(
        INPUT.value,
        REFERENCE.value,
        config.policy,
        accept=config.accept,
        second=SECOND.value,
        options=config.options.to_dict(),
        format=FORMAT.value,
        output_choices=CHOICES.value,
    )
    write_json(OUTPUT.value, result)
    for name, of in result["metrics"].items():
        value = "none" if of["value"] is None else f"{of['value']:.3f}"
        print(f"{name} {value} ({of['low']:.3f} to {of['high']:.3f}) of {of['n']}")


if __name__ == "__main__":
    cli.run(main)
