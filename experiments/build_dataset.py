"""Builds a published data set for tensorflow-datasets, in array_record files (see
docs/data_formats.md).

python -m experiments.build_dataset --dataset=prmbench --manual_dir=prmbench/ --output=data/tfds
"""

from absl import flags

from prm_jax import cli

FLAGS = flags.FLAGS
flags.DEFINE_string("dataset", None, "Name of a builder, such as prm800k.")
flags.DEFINE_string("variant", None, "Variant of the data set; by default its first.")
flags.DEFINE_string("manual_dir", None, "Directory of the published files.")
flags.DEFINE_string("output", None, "Directory to build in: OUTPUT/DATASET/VARIANT/VERSION.")
flags.mark_flags_as_required(["dataset", "output"])


def main(_):
    """Builds the data set and prints where it is and what it has."""
    from prm_jax.data.tfds_builders import BUILDERS, build  # here, so that --help answers at once
    from prm_jax.errors import InputError
    from prm_jax.files import check_place

    def check(field, given, known):
        if given not in known:
            raise InputError(
                f"unknown {field} {given!r}",
                field=field,
                remedy=f"known: {', '.join(known) or 'none'}",
            )

    check("dataset", FLAGS.dataset, BUILDERS)
    builder_class = BUILDERS[FLAGS.dataset]
    if FLAGS.variant is not None:
        check("variant", FLAGS.variant, builder_class.builder_configs)
    check_place(FLAGS.output)
    builder = builder_class(data_dir=FLAGS.output, config=FLAGS.variant)
    build(builder, FLAGS.manual_dir)
    print(builder.data_path)
    for name, split in builder.info.splits.items():
        print(f"  {name}: {split.num_examples} trajectories")


if __name__ == "__main__":
    cli.run(main)
