"""Makes problems, trains a process reward model on them, measures it and writes a report.

    python -m experiments.demo --config=configs/demo.py --workdir=runs/demo

The same command continues a run that was stopped.
"""

from absl import flags

from prm_jax import cli, config_files

CONFIG = config_files.define("prm_jax.demo_config:default_config", open=("problems.kinds",))
WORKDIR = flags.DEFINE_string("workdir", None, "Directory of the run.")
flags.mark_flags_as_required(["config", "workdir"])


def main(_):
    """Runs the demo."""
    from prm_jax import demo  # so that --help and bad flags answer at once

    demo.run(CONFIG.value, WORKDIR.value)


if __name__ == "__main__":
    cli.run(main)
