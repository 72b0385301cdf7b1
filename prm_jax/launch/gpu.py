"""One machine with GPUs: one process that sees all of them, or those it is given."""

import dataclasses
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from prm_jax.errors import InputError
from prm_jax.launch import checks
from prm_jax.launch.plan import Plan


@dataclasses.dataclass(frozen=True)
class GpuBox:
    """This machine.

    Args:
        gpus: numbers of the GPUs to use, such as '0,1'; '' takes all.
        name: of the run, for its files.
    """

    gpus: str = ""
    name: str = "prm-jax"

    def __post_init__(self):
        checks.check_name(self.name)
        if self.gpus and not re.fullmatch(r"\d+(,\d+)*", self.gpus, re.ASCII):
            raise InputError(
                f"{self.gpus!r} names no GPUs", field="gpus", remedy="write numbers, such as 0,1"
            )

    def plan(self, command: Sequence[str], directory: Path) -> Plan:
        """The script and the command that runs it here.

        Args:
            command: the training command.
            directory: where the script will be written.

        Raises:
            InputError: there is no command, or it looks for other processes.
        """
        checks.check_command(command)
        checks.check_distributed(command, several=False)
        path = directory / "run.sh"
        return Plan(path=path, text=self.script(command), command=["bash", str(path)])

    def script(self, command: Sequence[str]) -> str:
        """The script: it shows the GPUs, and then is the training, which gets all signals."""
        choice = f"export CUDA_VISIBLE_DEVICES={self.gpus}\n" if self.gpus else ""
        return f"""#!/bin/bash
set -euo pipefail
nvidia-smi --query-gpu=index,name,memory.total,memory.used --format=csv
{choice}exec {shlex.join(command)}
"""
