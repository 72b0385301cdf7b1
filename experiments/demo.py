"""Makes problems, trains a process reward model on them, measures it and writes a report.

    python -m experiments.demo --config=configs/demo.py --workdir=runs/demo

The same command continues a run that was stopped.
"""

from absl import flags
from ml_collections import config_flags

from prm_jax import cli

CONFIG = config_flags.DEFINE_config_file("config", None, "Configuration file.", lock_config=True)
WORKDIR = flags.DEFINE_string("workdir", None, "Directory of the run.")
flags.mark_flags_as_required(["config", "workdir"])


def main(_):
    """Runs the demo."""
    from prm_jax import demo  # so that --help and bad flags answer at once

    demo.run(CONFIG.value, WORKDIR.value)


if __name__ == "__main__":
    cli.run(main)
