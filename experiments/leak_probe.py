"""Measures whether labels of the synthetic families are right, and whether they leak.

python -m experiments.leak_probe --output=results/leak_probe.json
"""

from absl import flags

from prm_jax import cli

FLAGS = flags.FLAGS
flags.DEFINE_list("families", None, "Families of problems; all of them by default.")
flags.DEFINE_integer("n", 10_000, "Solutions of each family.", 10, 10**7)
flags.DEFINE_integer("seed", 0, "Seed of the solutions and of the resamples.", 0, 2**32 - 1)
flags.DEFINE_integer("difficulty", 4, "Level from 1 to 4.", 1, 4)
flags.DEFINE_integer("n_boot", 500, "Resamples for the intervals.", 1, 10**6)
flags.DEFINE_string("output", None, "The JSON file to write.", required=True)


def main(argv):
    """Measures, writes the file and prints a table."""
    del argv
    # here, so that --help and bad flags answer at once
    from prm_jax.data.synthetic.registry import FAMILIES, families_of
    from prm_jax.evaluate import leak_probe
    from prm_jax.files import check_writable, write_json
    from prm_jax.progress import Progress

    check_writable(FLAGS.output)
    names = [family.name for family in families_of(FLAGS.families or list(FAMILIES))]
    with Progress("families") as progress:
        found = leak_probe.study(
            names, FLAGS.n, FLAGS.seed, FLAGS.difficulty, FLAGS.n_boot, progress
        )
    write_json(FLAGS.output, found)
    for name, row in found["families"].items():
        figures = "  ".join(
            f"{features} {figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"
            for features, figure in row["auroc"].items()
        )
        print(f"{name}: {row['agree']}/{row['checked']} agree  {figures}")
    print(FLAGS.output)


if __name__ == "__main__":
    cli.run(main)
