"""The places by name. A new one is a file here and a line below."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from prm_jax.errors import InputError
from prm_jax.launch.gke import GkeJobSet
from prm_jax.launch.gpu import GpuBox
from prm_jax.launch.plan import Plan
from prm_jax.launch.slurm import SlurmJob
from prm_jax.launch.tpu import TpuPod

TARGETS: dict[str, type[Any]] = {
    "tpu": TpuPod,
    "gke": GkeJobSet,
    "slurm": SlurmJob,
    "gpu": GpuBox,
}


class Target(Protocol):
    """A place where a command can run."""

    @property
    def name(self) -> str:
        """Name of the job there."""
        ...

    def plan(self, command: Sequence[str], directory: Path) -> Plan:
        """What has to be written and run for `command` to run there."""
        ...


def make_target(name: str, options: Mapping[str, Any]) -> Target:
    """Makes a target.

    Args:
        name: in TARGETS.
        options: values of its fields; fields with a default may be left out.

    Raises:
        InputError: an option that it does not have, one that it lacks, or a value that is not one.
    """
    fields = {field.name: field for field in dataclasses.fields(TARGETS[name])}
    for option in options:
        if option not in fields:
            raise InputError(
                f"does nothing with target {name}",
                field=option,
                remedy=f"it takes {', '.join(fields)}",
            )
    for field in fields.values():
        if field.default is dataclasses.MISSING and field.name not in options:
            raise InputError(f"is needed with target {name}", field=field.name)
    return TARGETS[name](**options)
