"""Trains a process reward model.

    python -m experiments.train --config=configs/smollm2_135m_prm.py --workdir=runs/mine \
        --config.data.train=solutions.jsonl

The same command continues a run that was stopped. SIGTERM saves and exits with 143.

Several machines train together if the same command runs on each with `--distributed`, where jax
detects the cluster (TPU pod, Slurm, GKE), or elsewhere with an address of the first machine:

    python -m experiments.train ... --coordinator=10.0.0.1:8476 --num_processes=2 --process_id=0

They share the workdir. If one is lost the others end within a minute; the command, given again on
all of them or on another number, continues the run.
"""

from absl import flags

from prm_jax import cli, config_files

CONFIG = config_files.define("prm_jax.train.config:default_config")
WORKDIR = flags.DEFINE_string("workdir", None, "Directory of the run.")
QUIET = flags.DEFINE_bool("quiet", False, "Print no progress.")
DISTRIBUTED = flags.DEFINE_bool("distributed", False, "One of several processes of a cluster.")
COORDINATOR = flags.DEFINE_string("coordinator", None, "HOST:PORT of the first process.")
NUM_PROCESSES = flags.DEFINE_integer("num_processes", None, "Their number.", lower_bound=1)
PROCESS_ID = flags.DEFINE_integer("process_id", None, "Which this is, from 0.", lower_bound=0)
flags.mark_flags_as_required(["config", "workdir"])


def main(_):
    """Trains."""
    from prm_jax.train import distributed, loop  # so that --help and bad flags answer at once

    process = (COORDINATOR.value, NUM_PROCESSES.value, PROCESS_ID.value, DISTRIBUTED.value)
    with distributed.joined(*process):
        loop.train(CONFIG.value, WORKDIR.value, progress=not QUIET.value)


if __name__ == "__main__":
    cli.run(main)
