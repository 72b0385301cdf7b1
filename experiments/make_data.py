"""Makes step-labelled problems, or candidate solutions for best-of-N, by program.

    python -m experiments.make_data --families=arithmetic,dyck --n=1000 --split=train \
        --output=train.jsonl
    python -m experiments.make_data --families=arithmetic --n=50 --split=test \
        --candidates=16 --accuracy=0.4 --output=test.jsonl
"""

from absl import flags

from prm_jax import cli
from prm_jax.data.synthetic import FAMILIES, make_candidates, make_trajectories
from prm_jax.data.synthetic.splits import SPLITS
from prm_jax.errors import InputError
from prm_jax.records import write_jsonl

FLAGS = flags.FLAGS
flags.DEFINE_list("families", list(FAMILIES), f"Families of problems: {', '.join(FAMILIES)}.")
flags.DEFINE_integer("n", 1000, "Number of problems.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Seed of the problems.", lower_bound=0)
flags.DEFINE_enum(
    "split", None, list(SPLITS), "Take problems of this split only; splits are disjoint."
)
flags.DEFINE_string("output", None, "The JSONL file to write.", required=True)
flags.DEFINE_multi_integer("difficulty", [2], "Level from 1 to 4; repeat the flag to mix levels.")
flags.DEFINE_list("kinds", None, "Kinds of error to make; by default the weights of each family.")
flags.DEFINE_float("error_rate", 0.5, "Share of solutions with a wrong step; not for candidates.")
flags.DEFINE_string("after_error", "mask", "Label of steps after an error: mask, zero or local.")
flags.DEFINE_integer("candidates", 0, "Candidates of each problem; 0 for one solution.", 0)
flags.DEFINE_float("accuracy", None, "Mean share of candidates with a right answer; default 0.5.")
flags.DEFINE_float(
    "shared_error_rate", None, "Share of wrong candidates that err alike; default 0.5."
)


def main(argv):
    del argv
    options = {
        "difficulty": FLAGS.difficulty,
        "kinds": FLAGS.kinds,
        "after_error": FLAGS.after_error,
        "split": FLAGS.split,
    }
    policy = {name: FLAGS[name].value for name in ("accuracy", "shared_error_rate")}
    policy = {name: value for name, value in policy.items() if value is not None}
    if FLAGS.candidates:
        rows = make_candidates(
            FLAGS.families, FLAGS.n, FLAGS.candidates, FLAGS.seed, **policy, **options
        )
    elif policy:
        raise InputError(
            "is about candidates", field=min(policy), remedy="give --candidates=16 with it"
        )
    else:
        rows = make_trajectories(
            FLAGS.families, FLAGS.n, FLAGS.seed, error_rate=FLAGS.error_rate, **options
        )
    write_jsonl(FLAGS.output, rows)
    print(f"{FLAGS.output}: {len(rows)} solutions of {FLAGS.n} problems")


if __name__ == "__main__":
    cli.run(main)
