"""Trains the router and the syntheses of a mixture of experts (DMoERM) on experts that are there.

    python -m experiments.train_mixture --config=configs/dmoerm.py --workdir=runs/dmoerm \
        --config.data.train=solutions.jsonl

Afterwards `--scorer='mixture(path="runs/dmoerm")'` of experiments.score reads it, with --model and
--convention as in the training. The same command continues a run that was stopped, from the end of
its last epoch; the states of the experts are computed once. `configs/dmoerm.py` has the commands
that train the experts.
"""

from absl import flags

from prm_jax import cli, config_files

CONFIG = config_files.define("prm_jax.train.mixture:default_config")
WORKDIR = flags.DEFINE_string("workdir", None, "Directory of the run.")
QUIET = flags.DEFINE_bool("quiet", False, "Print no progress.")
flags.mark_flags_as_required(["config", "workdir"])


def main(_):
    """Trains."""
    from prm_jax.train import mixture  # so that --help and bad flags answer at once

    last = mixture.train(CONFIG.value, WORKDIR.value, progress=not QUIET.value)[-1]
    found = last["validation_auroc"]
    auroc = "" if found is None else f", validation AUROC {found:.3f}"
    print(f"{WORKDIR.value}: loss {last['loss']:.4f}{auroc}")


if __name__ == "__main__":
    cli.run(main)
