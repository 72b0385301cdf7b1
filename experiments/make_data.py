"""Makes step-labelled problems, or candidate solutions for best-of-N, by program.

python -m experiments.make_data --families=arithmetic,dyck --split=train --output=train.jsonl
python -m experiments.make_data --split=test --n=50 --candidates=16 --output=groups.jsonl
"""

from typing import Any

from absl import flags

from prm_jax import cli
from prm_jax.data.synthetic import FAMILIES, make_candidates, make_trajectories
from prm_jax.data.synthetic.solution import AFTER_ERROR
from prm_jax.data.synthetic.splits import SPLITS
from prm_jax.errors import InputError
from prm_jax.records import write_jsonl

FLAGS = flags.FLAGS
flags.DEFINE_list("families", list(FAMILIES), f"Families of problems: {', '.join(FAMILIES)}.")
flags.DEFINE_integer("n", 1000, "Number of problems.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Seed of the problems.", lower_bound=0)
flags.DEFINE_enum("split", None, list(SPLITS), "Take problems of this split only.")
flags.DEFINE_string("output", None, "The JSONL file to write.", required=True)
flags.DEFINE_multi_integer("difficulty", [2], "Level from 1 to 4; repeat the flag to mix levels.")
flags.DEFINE_list("kinds", None, "Kinds of error to make; by default those of each family.")
flags.DEFINE_float("error_rate", 0.5, "Share of solutions with a wrong step; not for candidates.")
flags.DEFINE_enum("after_error", "mask", AFTER_ERROR, "Labels of the steps after an error.")
flags.DEFINE_integer("candidates", 0, "Candidates of each problem; 0 for one solution.", 0)
flags.DEFINE_float("accuracy", 0.5, "Mean share of candidates with a right answer.")
flags.DEFINE_float("shared_error_rate", 0.5, "Share of wrong candidates that err alike.")
SHARED = ("difficulty", "kinds", "after_error", "split")
ONLY = {False: ("error_rate",), True: ("accuracy", "shared_error_rate")}


def main(argv):
    del argv
    many = FLAGS.candidates > 0
    for name in ONLY[not many]:
        if FLAGS[name].present:
            raise InputError(
                f"has no meaning {'with' if many else 'without'} --candidates", field=name
            )
    options: dict[str, Any] = {name: FLAGS[name].value for name in (*SHARED, *ONLY[many])}
    if many:
        rows = make_candidates(FLAGS.families, FLAGS.n, FLAGS.candidates, FLAGS.seed, **options)
    else:
        rows = make_trajectories(FLAGS.families, FLAGS.n, FLAGS.seed, **options)
    write_jsonl(FLAGS.output, rows)
    print(f"{FLAGS.output}: {len(rows)} solutions of {FLAGS.n} problems")


if __name__ == "__main__":
    cli.run(main)
