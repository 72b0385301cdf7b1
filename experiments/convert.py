"""Converts trajectories from one file format to another and says what was lost (see
docs/data_formats.md).

python -m experiments.convert --input=prm800k.jsonl --output=trl.jsonl --to=trl
"""

from absl import flags

from prm_jax import cli

FLAGS = flags.FLAGS
flags.DEFINE_string("input", None, "File, directory or glob.")
flags.DEFINE_string("output", None, "JSONL to write; OUTPUT.report.json says what was lost.")
flags.DEFINE_string("from", "auto", "Format of the input; auto looks at the first row.")
flags.DEFINE_string("to", None, "Format of the output: one that has a writer.")
flags.DEFINE_list("options", [], "Options of the reader, such as neutral=masked,prefixes=once.")
flags.DEFINE_bool(
    "skip_bad", False, "Leave out bad rows (to OUTPUT.rejects.jsonl) and what cannot be written."
)
flags.mark_flags_as_required(["input", "output", "to"])


def main(_):
    """Converts."""
    from prm_jax.errors import InputError  # here, so that --help and bad flags answer at once
    from prm_jax.formats.convert import convert

    options = {}
    for option in FLAGS.options:
        name, equals, value = option.partition("=")
        if not equals:
            raise InputError(f"{option!r} has no value", field="options", remedy="NAME=VALUE")
        options[name] = {"true": True, "false": False}.get(value.lower(), value)
    source = FLAGS["from"].value
    report = convert(FLAGS.input, FLAGS.output, FLAGS.to, source, FLAGS.skip_bad, **options)
    print(
        f"{report['rows_read']} rows of {report['from']} gave {report['trajectories_read']} "
        f"trajectories; {report['rows_written']} written as {report['to']}"
    )
    for kind in ("refused", "left_out", "lost"):
        for reason, entry in report[kind].items():
            print(f"{kind}: {entry['count']} x {reason}, such as {entry['examples'][0]}")
    print(f"{FLAGS.output}.report.json")


if __name__ == "__main__":
    cli.run(main)
