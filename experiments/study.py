"""Trains one process reward model on several sources, with several seeds, and measures it on each.

    python -m experiments.study --config=configs/smollm2_135m_mix.py --workdir=runs/mix

The same command continues a study that was stopped. `--out` copies the result file.
"""

from absl import flags

from prm_jax import cli, config_files

CONFIG = config_files.define("prm_jax.study.config:default_config", open=("files",))
WORKDIR = flags.DEFINE_string("workdir", None, "Directory of the study.")
OUT = flags.DEFINE_string("out", "", "Where the result file is copied to as well.")
flags.mark_flags_as_required(["config", "workdir"])


def main(_):
    """Runs the study."""
    from prm_jax.files import write_json  # so that --help and bad flags answer at once
    from prm_jax.study.run import run

    result = run(CONFIG.value, WORKDIR.value)
    if OUT.value:
        write_json(OUT.value, result)


if __name__ == "__main__":
    cli.run(main)
