"""Trains an uncertainty head on the attention and the probabilities of a model that stays frozen.

    python -m experiments.train_uncertainty_head --config=configs/uncertainty_head.py \
        --workdir=runs/uhead --config.data.train=solutions.jsonl

Afterwards `--scorer='uncertainty(head="runs/uhead")'` of experiments.score reads it, with --model
and --convention as in the training. The same command continues a run that was stopped, from the end
of its last epoch; the features of the model are computed once.
"""

from absl import flags

from prm_jax import cli, config_files

CONFIG = config_files.define("prm_jax.train.uncertainty:default_config")
WORKDIR = flags.DEFINE_string("workdir", None, "Directory of the run.")
QUIET = flags.DEFINE_bool("quiet", False, "Print no progress.")
flags.mark_flags_as_required(["config", "workdir"])


def main(_):
    """Trains."""
    from prm_jax.train import uncertainty  # so that --help and bad flags answer at once

    last = uncertainty.train(CONFIG.value, WORKDIR.value, progress=not QUIET.value)[-1]
    found = last["validation_auroc"]
    auroc = "" if found is None else f", validation AUROC {found:.3f}"
    print(f"{WORKDIR.value}: loss {last['loss']:.4f}{auroc}")


if __name__ == "__main__":
    cli.run(main)
