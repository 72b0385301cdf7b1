"""Writes more training examples made from labelled solutions, by changing their steps.

    python -m experiments.change_steps --change=merged --input=train.jsonl --output=merged.jsonl

reversed      every solution with its last step first, for scorer 'bidirectional' (BiPRM)
merged        for every labelled step, it and the steps before it as one, for 'hierarchical' (HRM)
compressed    trees of solutions of one problem with some steps merged and moved up (HNC)

The output holds the new examples only, so train on both files:
--config.data.train=train.jsonl,merged.jsonl. Examples of one problem stay on one side of the split.
"""

from absl import flags

from prm_jax import cli

FLAGS = flags.FLAGS
flags.DEFINE_enum("change", None, ["reversed", "merged", "compressed"], "What is done.")
flags.DEFINE_string("input", None, "Solutions: a file, a directory or a glob.")
flags.DEFINE_string("output", None, "JSON lines to write.")
flags.DEFINE_string("format", "auto", "Format of the input; see docs/data_formats.md.")
flags.DEFINE_integer("window", 2, "Steps that are merged, for merged.", 2, 10_000)
flags.DEFINE_float("probability", 0.5, "Of a step that can be compressed.", 0, 1)
flags.DEFINE_integer("seed", 0, "Of the steps that are compressed.", 0, 2**32 - 1)
flags.mark_flags_as_required(["change", "input", "output"])


def main(_):
    """Reads, changes and writes."""
    import numpy as np  # here, so that --help and bad flags answer at once

    from prm_jax.data.merged_steps import merged_examples
    from prm_jax.data.node_compression import compressed_examples
    from prm_jax.data.reversed_steps import reverse_steps
    from prm_jax.files import check_writable
    from prm_jax.records import write_jsonl
    from prm_jax.scoring.inputs import read_identified

    check_writable(FLAGS.output)
    trajectories = read_identified(FLAGS.input, FLAGS.format)
    if FLAGS.change == "reversed":
        changed = [reverse_steps(trajectory) for trajectory in trajectories]
    elif FLAGS.change == "merged":
        changed = [pair for t in trajectories for pair in merged_examples(t, FLAGS.window)]
    else:
        rng = np.random.default_rng(FLAGS.seed)
        changed = compressed_examples(trajectories, rng, probability=FLAGS.probability)
    write_jsonl(FLAGS.output, changed)
    print(f"{FLAGS.output}: {len(changed)} examples made from {len(trajectories)} solutions")


if __name__ == "__main__":
    cli.run(main)
