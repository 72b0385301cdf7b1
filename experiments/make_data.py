"""Makes step-labelled problems, or candidate solutions for best-of-N, by program.

python -m experiments.make_data --families=arithmetic,dyck --split=train --output=train.jsonl
python -m experiments.make_data --split=test --n=50 --candidates=16 --output=groups.jsonl
python -m experiments.make_data --gsm8k=train.jsonl --variants=2 --output=wrong.jsonl
"""

from typing import Any

from absl import flags

from prm_jax import cli
from prm_jax.errors import InputError

FLAGS = flags.FLAGS
flags.DEFINE_list("families", None, "Families of problems, see docs/worlds.md; default: all.")
flags.DEFINE_integer("n", 1000, "Number of problems.", 1, 10**8)
flags.DEFINE_integer("seed", 0, "Seed of the problems.", 0, 2**32 - 1)
flags.DEFINE_string("split", None, "Take problems of this split only: train, validation, test.")
flags.DEFINE_string("output", None, "The JSONL file to write.", required=True)
flags.DEFINE_multi_integer("difficulty", [2], "Level from 1 to 4; repeat the flag to mix levels.")
flags.DEFINE_list("kinds", None, "Kinds of error to make; by default those of each family.")
flags.DEFINE_float("error_rate", 0.5, "Share of solutions with a wrong step; not for candidates.")
flags.DEFINE_string("after_error", "mask", "Labels of later steps: mask, zero or local.")
flags.DEFINE_integer("candidates", 0, "Candidates of each problem; 0 for one solution.", 0, 10**5)
flags.DEFINE_float("accuracy", 0.5, "Mean share of candidates with a right answer.")
flags.DEFINE_float("shared_error_rate", 0.5, "Share of wrong candidates that err alike.")
flags.DEFINE_string("gsm8k", None, "A GSM8K file to make wrong solutions from, for families.")
flags.DEFINE_integer("variants", 1, "Solutions of each GSM8K problem.", 1, 10**4)
SHARED = ("difficulty", "kinds", "after_error", "split")
ONLY = {False: ("error_rate",), True: ("accuracy", "shared_error_rate")}
OF_FILES = ("kinds", "error_rate", "after_error", "split")
NOT_OF_FILES = ("families", "n", "difficulty", "candidates", *ONLY[True])


def main(argv):
    from prm_jax.records import write_jsonl  # so that --help answers at once

    del argv
    if FLAGS.gsm8k is not None:
        rows = _from_gsm8k()
        n_problems = len({row.group for row in rows})
    else:
        rows = _from_families()
        n_problems = FLAGS.n
    write_jsonl(FLAGS.output, rows)
    print(f"{FLAGS.output}: {len(rows)} solutions of {n_problems} problems")


def _from_gsm8k():
    from prm_jax import formats
    from prm_jax.data.gsm8k import corrupt_gsm8k

    _refuse(NOT_OF_FILES, "with --gsm8k")
    options: dict[str, Any] = {name: FLAGS[name].value for name in OF_FILES}
    right = formats.read(FLAGS.gsm8k, "gsm8k")
    return corrupt_gsm8k(right, FLAGS.variants, FLAGS.seed, **options)


def _from_families():
    from prm_jax.data.synthetic import FAMILIES, make_candidates, make_trajectories

    many = FLAGS.candidates > 0
    _refuse(ONLY[not many], f"{'with' if many else 'without'} --candidates")
    _refuse(("variants",), "without --gsm8k")
    options: dict[str, Any] = {name: FLAGS[name].value for name in (*SHARED, *ONLY[many])}
    families = list(FAMILIES) if FLAGS.families is None else FLAGS.families
    if many:
        return make_candidates(families, FLAGS.n, FLAGS.candidates, FLAGS.seed, **options)
    return make_trajectories(families, FLAGS.n, FLAGS.seed, **options)


def _refuse(names, when):
    for name in names:
        if FLAGS[name].present:
            raise InputError(f"has no meaning {when}", field=name)


if __name__ == "__main__":
    cli.run(main)
