"""Writes a model as a Hugging Face directory that transformers and load_model read.

    python -m experiments.export --model=runs/mine --output=exported

--adapter writes the low-rank adapters of a run and its head alone, as a directory that peft loads
on the model that the run began with. A peft adapter as --model is merged into its base.
"""

from pathlib import Path

from absl import flags

from prm_jax import cli

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "Directory, .gguf file, training workdir or preset.")
flags.DEFINE_string("output", None, "Directory to write.")
flags.DEFINE_string("base", None, "Of an adapter: its base model; default: as it says.")
flags.DEFINE_bool("adapter", False, "Of a run with adapters: write these for peft.")
flags.DEFINE_string("aggregation", None, "Steps to solution, to be recorded; default: as it was.")
flags.DEFINE_string("convention", None, "How steps are marked: name or JSON; default: recorded.")
flags.DEFINE_enum("dtype", "float32", ["float32", "bfloat16"], "Dtype of the parameters.")
flags.mark_flags_as_required(["model", "output"])


def main(_):
    """Exports."""
    from prm_jax import load_model, weights  # so that --help and bad flags answer at once
    from prm_jax.files import check_place
    from prm_jax.scoring.aggregation import check_method
    from prm_jax.scoring.score_file import recorded_aggregation
    from prm_jax.text import convention
    from prm_jax.weights.export import require_replaceable
    from prm_jax.weights.load import recorded_training
    from prm_jax.weights.threshold import recorded_threshold

    aggregation = FLAGS.aggregation or recorded_aggregation(FLAGS.model)
    check_method(aggregation)
    check_place(FLAGS.output)
    require_replaceable(Path(FLAGS.output))  # before the model is read
    if FLAGS.adapter:
        from prm_jax.train.adapter_export import export_adapters

        export_adapters(FLAGS.model, FLAGS.output, base=FLAGS.base, aggregation=aggregation)
        print(FLAGS.output)
        return
    model, params, tokenizer = load_model(FLAGS.model, dtype=FLAGS.dtype, base=FLAGS.base)
    recorded_marking = tokenizer.convention
    if FLAGS.convention is not None:
        tokenizer.convention = convention(FLAGS.convention)
    threshold = recorded_threshold(FLAGS.model)
    if tokenizer.convention != recorded_marking:  # it was tuned on other scores
        threshold = None
    training = recorded_training(FLAGS.model)
    options = {"aggregation": aggregation, "training": training, "threshold": threshold}
    weights.export(FLAGS.output, model, params, tokenizer, **options)
    print(FLAGS.output)


if __name__ == "__main__":
    cli.run(main)
