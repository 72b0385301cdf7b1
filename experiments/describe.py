"""Counts what a data set holds, source by source (see prm_jax/data/statistics.py).

python -m experiments.describe --data=train.jsonl --output=statistics.json
"""

from absl import flags

from prm_jax import cli

FLAGS = flags.FLAGS
flags.DEFINE_string("data", None, "Sources, as in prm_jax/data/sources.py.", required=True)
flags.DEFINE_string("output", None, "JSON file for all counts; the table shows some.")
flags.DEFINE_bool("skip_bad", False, "Leave out rows that cannot be read, and count them.")
COLUMNS = (
    *("source", "trajectories", "problems", "duplicates", "steps", "a solution"),
    *("right", "wrong", "soft", "unlabelled", "with an error", "in the first half"),
)


def main(argv):
    import rich.console  # here, so that --help and bad flags answer at once
    import rich.table

    from prm_jax.data.sources import parse_sources, read_source
    from prm_jax.data.statistics import describe_by_source
    from prm_jax.files import check_writable, write_json
    from prm_jax.records import Rejects

    del argv
    if FLAGS.output:
        check_writable(FLAGS.output)
    rejects = Rejects("") if FLAGS.skip_bad else None
    found = [t for source in parse_sources(FLAGS.data) for t in read_source(source, rejects)]
    report = describe_by_source(found)
    table = rich.table.Table(*COLUMNS, box=None)
    for name, counts in report.items():
        steps, errors = counts["steps"], counts["first_error"]
        early = sum(errors["quarter"][:2])
        table.add_row(
            name,
            *(str(counts[key]) for key in COLUMNS[1:4]),
            *(str(steps["total"]), f"{steps['per_solution']['mean']:.1f}"),
            *(str(counts["labels"][key]) for key in COLUMNS[6:10]),
            f"{errors['wrong']} of {errors['known']}",
            f"{early / errors['wrong']:.0%}" if errors["wrong"] else "-",
        )
    rich.console.Console(width=max(160, rich.console.Console().width)).print(table)
    if rejects and rejects.rows:
        print(f"{len(rejects.rows)} rows were refused, the first: {rejects.rows[0]['error']}")
    if FLAGS.output:
        n_refused = len(rejects.rows) if rejects else 0
        write_json(FLAGS.output, {"rows_refused": n_refused, "sources": report})
        print(FLAGS.output)


if __name__ == "__main__":
    cli.run(main)
