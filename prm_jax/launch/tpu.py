"""A slice of a Cloud TPU pod: one queued resource, whose hosts train as soon as they have booted.

A startup script needs no connection that stays open, and a host that boots again goes on by itself.
Commands and runtime versions are those of Google Cloud's pages; docs/launch.md names them.
"""

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path

from prm_jax.errors import InputError
from prm_jax.launch import checks
from prm_jax.launch.checks import SHARED
from prm_jax.launch.plan import Plan

# Software of the hosts by the generation in `accelerator`.
RUNTIMES = {
    "v6e": "v2-alpha-tpuv6e",
    "v5p": "v2-alpha-tpuv5",
    "v5litepod": "v2-alpha-tpuv5-lite",
    "v4": "tpu-ubuntu2204-base",
    "v3": "tpu-ubuntu2204-base",
    "v2": "tpu-ubuntu2204-base",
}


@dataclasses.dataclass(frozen=True)
class TpuPod:
    """One slice.

    Args:
        project: Google Cloud project.
        zone: zone that has the TPUs.
        accelerator: type and size of a slice, such as v5litepod-32.
        image: container image that has this library; see Dockerfile.
        nfs: file system of all hosts as HOST:/EXPORT, mounted at /shared.
        name: of the queued resource and its node.
        runtime_version: software of the hosts; '' takes the one of the generation.
        service_account: of the hosts; '' takes the project's own.
        spot: whether the hosts may be taken away.
        restarts: how often a host starts the command again after it failed.
    """

    project: str
    zone: str
    accelerator: str
    image: str
    nfs: str
    name: str = "prm-jax"
    runtime_version: str = ""
    service_account: str = ""
    spot: bool = False
    restarts: int = 30

    def __post_init__(self):
        checks.check_name(self.name)
        required = ("project", "zone", "accelerator", "image", "nfs")
        checks.check_plain(**{field: getattr(self, field) for field in required})
        checks.check_at_least(0, restarts=self.restarts)
        generation = self.accelerator.split("-")[0]
        if not self.runtime_version and generation not in RUNTIMES:
            raise InputError(
                f"no runtime is known for {self.accelerator!r}",
                field="accelerator",
                remedy=f"name a runtime_version, or a type of {', '.join(RUNTIMES)}",
            )
        if ":/" not in self.nfs:
            raise InputError(
                f"{self.nfs!r} names no file system", field="nfs", remedy="write HOST:/EXPORT"
            )

    def plan(self, command: Sequence[str], directory: Path) -> Plan:
        """The startup script and the command that asks for the slice.

        Args:
            command: the training command, run in the image on every host.
            directory: where the script will be written.

        Raises:
            InputError: the command would lose its work, or train on each host by itself.
        """
        checks.check_command(command)
        checks.check_distributed(command, several=True)
        checks.check_workdir(command)
        path = directory / "startup.sh"
        checks.check_plain(files=str(path))
        place = [f"--project={self.project}", f"--zone={self.zone}"]
        tool = ["gcloud", "compute", "tpus", "queued-resources"]
        options = [
            f"--accelerator-type={self.accelerator}",
            f"--runtime-version={self._runtime()}",
            f"--node-id={self.name}",
            *(["--spot"] if self.spot else []),
            *([f"--service-account={self.service_account}"] if self.service_account else []),
            f"--metadata-from-file=startup-script={path}",
        ]
        logs = f"sudo docker logs --follow {self.name}"
        here = ["--worker=0", f"--command={logs}"]
        return Plan(
            path=path,
            text=self.startup_script(command),
            command=[*tool, "create", self.name, *place, *options],
            afterwards={
                "its state": [*tool, "describe", self.name, *place, "--format=value(state.state)"],
                "its output": [*tool, "ssh", self.name, *place, *here],
                "ends it and its cost": [*tool, "delete", self.name, *place, "--force", "--quiet"],
            },
        )

    def startup_script(self, command: Sequence[str]) -> str:
        """The script that every host runs as root at each boot."""
        run = ["docker", "run", "--init", f"--name={self.name}", "--stop-timeout=120"]
        # The image's own user is an ordinary one; the files of the chips belong to root.
        run += ["--user=0", "--privileged", "--net=host", f"--volume={SHARED}:{SHARED}"]
        run += [self.image, *command]
        registry = self.image.split("/")[0]
        login = f"gcloud auth configure-docker {registry} --quiet\n"
        return f"""#!/bin/bash
# On every host of the slice, as root, at each boot.
set -uo pipefail
export HOME=/root

if ! mountpoint --quiet {SHARED}; then
  command -v mount.nfs > /dev/null || {{ apt-get update && apt-get install --yes nfs-common; }}
  mkdir -p {SHARED}
  mount -t nfs {shlex.quote(self.nfs)} {SHARED} || exit 1
fi
{login if registry.endswith(".pkg.dev") else ""}
for attempt in $(seq {self.restarts + 1}); do
  docker rm --force {self.name} > /dev/null 2>&1
  {shlex.join(run)}
  status=$?
  echo "attempt $attempt ended with exit code $status"
  if [ "$status" -eq 0 ]; then break; fi
  sleep 10
done
exit "$status"
"""

    def _runtime(self):
        return self.runtime_version or RUNTIMES[self.accelerator.split("-")[0]]
