"""Trains a process reward model.

    python -m experiments.train --config=configs/smollm2_135m_prm.py --workdir=runs/mine \
        --config.data.train=solutions.jsonl

The same command continues a run that was stopped. SIGTERM saves and exits with 143.
"""

from absl import flags
from ml_collections import config_flags

from prm_jax import cli

CONFIG = config_flags.DEFINE_config_file("config", None, "Configuration file.", lock_config=True)
WORKDIR = flags.DEFINE_string("workdir", None, "Directory of the run.")
QUIET = flags.DEFINE_bool("quiet", False, "Print no progress.")
flags.mark_flags_as_required(["config", "workdir"])


def main(_):
    """Trains."""
    from prm_jax.train import loop  # so that --help and bad flags answer at once

    loop.train(CONFIG.value, WORKDIR.value, progress=not QUIET.value)


if __name__ == "__main__":
    cli.run(main)
