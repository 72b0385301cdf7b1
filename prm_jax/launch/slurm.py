"""GPUs of a Slurm cluster: a batch script with one process a GPU.

`jax.distributed.initialize()` reads Slurm's variables of a step, so that the training runs under
srun, and gives each process the GPU of its number on the node, so that all of them see all GPUs.
"""

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path

from prm_jax.launch import checks
from prm_jax.launch.plan import Plan


@dataclasses.dataclass(frozen=True)
class SlurmJob:
    """A job of several nodes that have the same number of GPUs.

    Args:
        gpus_per_node: GPUs, and processes, of a node.
        time: limit as Slurm writes it, such as 24:00:00.
        name: of the job.
        nodes: number of nodes.
        cpus_per_task: cores of a process; 0 leaves it to the cluster.
        partition: '' takes the cluster's own.
        account: '' takes the user's own.
        save_seconds: how long before the limit the run is told to save; it then queues again.
        setup: shell line that is run first, such as 'module load cuda'.
    """

    gpus_per_node: int
    time: str
    name: str = "prm-jax"
    nodes: int = 1
    cpus_per_task: int = 0
    partition: str = ""
    account: str = ""
    save_seconds: int = 300
    setup: str = ""

    def __post_init__(self):
        checks.check_name(self.name)
        checks.check_plain(time=self.time)
        given = {"partition": self.partition, "account": self.account}
        checks.check_plain(**{field: value for field, value in given.items() if value})
        counts = {"gpus_per_node": self.gpus_per_node, "nodes": self.nodes}
        checks.check_at_least(1, **counts, save_seconds=self.save_seconds)
        checks.check_at_least(0, cpus_per_task=self.cpus_per_task)

    def plan(self, command: Sequence[str], directory: Path) -> Plan:
        """The batch script and the command that submits it.

        Args:
            command: the training command, run in the directory that it is submitted from.
            directory: where the script will be written.

        Raises:
            InputError: the processes would not find each other.
        """
        checks.check_command(command)
        checks.check_distributed(command, several=self.nodes * self.gpus_per_node > 1)
        path = directory / "job.sbatch"
        return Plan(
            path=path,
            text=self.script(command),
            command=["sbatch", str(path)],
            afterwards={
                "its state": ["squeue", "--me", f"--name={self.name}"],
                "ends it": ["scancel", f"--name={self.name}"],
            },
        )

    def script(self, command: Sequence[str]) -> str:
        """The batch script."""
        cpus = [f"--cpus-per-task={self.cpus_per_task}"] if self.cpus_per_task else []
        options = [
            f"--job-name={self.name}",
            f"--nodes={self.nodes}",
            f"--ntasks-per-node={self.gpus_per_node}",
            f"--gpus-per-node={self.gpus_per_node}",
            *cpus,
            f"--time={self.time}",
            *([f"--partition={self.partition}"] if self.partition else []),
            *([f"--account={self.account}"] if self.account else []),
            f"--signal=TERM@{self.save_seconds}",
            "--requeue",
            "--open-mode=append",
            "--output=%x-%j.out",
        ]
        # srun does not take --cpus-per-task over from sbatch since Slurm 22.05.
        step = shlex.join(["srun", "--kill-on-bad-exit=1", *cpus, *command])
        header = "\n".join(f"#SBATCH {option}" for option in options)
        return f"""#!/bin/bash
{header}
set -uo pipefail
{self.setup}
{step}
status=$?
# 143: the run was asked to stop and has saved. It goes on where it was.
if [ "$status" -eq 143 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit "$status"
"""
