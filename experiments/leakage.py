"""Counts the problems that two sets share, word for word or nearly (see prm_jax/data/overlap.py).

python -m experiments.leakage --data=train.jsonl --against=benchmark.jsonl --output=leakage.json
"""

from absl import flags

from prm_jax import cli
from prm_jax.data.overlap import THRESHOLD, compare
from prm_jax.errors import one_line
from prm_jax.files import check_writable, write_json
from prm_jax.records import Rejects

FLAGS = flags.FLAGS
SOURCES = "files or programs, written as in prm_jax/data/sources.py"
flags.DEFINE_string("data", None, f"One set: {SOURCES}.", required=True)
flags.DEFINE_string("against", None, f"The other set: {SOURCES}.", required=True)
flags.DEFINE_string("output", None, "JSON file for the counts and examples.")
flags.DEFINE_float("threshold", THRESHOLD, "Least similarity of near duplicates.", 0, 1)
flags.DEFINE_bool("skip_bad", False, "Leave out rows that cannot be read, and count them.")
flags.DEFINE_integer("examples", 5, "How many pairs of each kind to show.", 0, 10**6)


def main(argv):
    from prm_jax.data.sources import read_problems  # so that --help answers at once

    del argv
    if FLAGS.output:
        check_writable(FLAGS.output)
    rejects = Rejects("") if FLAGS.skip_bad else None
    data, against = (read_problems(line, rejects) for line in (FLAGS.data, FLAGS.against))
    report = {
        "data": FLAGS.data,
        "against": FLAGS.against,
        "rows_refused": len(rejects.rows) if rejects else 0,
        **compare(data, against, threshold=FLAGS.threshold, n_examples=FLAGS.examples),
    }
    for name, side in ((FLAGS.data, report["first"]), (FLAGS.against, report["second"])):
        print(
            f"{name}: {side['problems']} problems in {side['rows']} rows; {side['exact']} are in "
            f"the other set, {side['near']} more have a near duplicate there"
        )
    for text in report["examples"]["exact"]:
        print(f"exact: {one_line(text)}")
    for pair in report["examples"]["near"]:
        print(f"near, {pair['similarity']:.2f}: {one_line(pair['first'])}")
        print(f"  and: {one_line(pair['second'])}")
    if rejects and rejects.rows:
        print(f"{len(rejects.rows)} rows were refused, the first: {rejects.rows[0]['error']}")
    if FLAGS.output:
        write_json(FLAGS.output, report)
        print(FLAGS.output)


if __name__ == "__main__":
    cli.run(main)
