"""A TPU slice of a Kubernetes cluster (GKE): a JobSet with one job, which has a pod a host.

The manifest is JSON, which kubectl takes as it takes YAML. Fields are those of
jobset.x-k8s.io/v1alpha2 (kubernetes-sigs/jobset, api/jobset/v1alpha2/jobset_types.go) and batch/v1.
"""

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path

from prm_jax.errors import InputError
from prm_jax.launch import checks
from prm_jax.launch.checks import SHARED
from prm_jax.launch.plan import Plan

# Numbers that a topology has, by the label of the node pool.
ACCELERATORS = {
    "tpu-v4-podslice": 3,
    "tpu-v5-lite-podslice": 2,
    "tpu-v5p-slice": 3,
    "tpu-v6e-slice": 2,
    "tpu7x": 3,
}
PORT = 8471  # between the hosts of a slice
SPOT = "cloud.google.com/gke-spot"


@dataclasses.dataclass(frozen=True)
class GkeJobSet:
    """One slice.

    Args:
        accelerator: label of the node pool, such as tpu-v5-lite-podslice.
        topology: chips of a slice in each direction, such as 4x4.
        image: container image that has this library; see Dockerfile.
        claim: a PersistentVolumeClaim that many pods can write to, mounted at /shared.
        name: of the JobSet.
        namespace: of the cluster.
        chips_per_node: TPU chips of a host.
        service_account: Kubernetes service account of the pods; '' takes the namespace's own.
        spot: whether the nodes may be taken away.
        restarts: how often all pods start again after one failed.
    """

    accelerator: str
    topology: str
    image: str
    claim: str
    name: str = "prm-jax"
    namespace: str = "default"
    chips_per_node: int = 4
    service_account: str = ""
    spot: bool = False
    restarts: int = 30

    def __post_init__(self):
        checks.check_name(self.name)
        checks.check_plain(image=self.image, claim=self.claim, namespace=self.namespace)
        checks.check_at_least(1, chips_per_node=self.chips_per_node)
        checks.check_at_least(0, restarts=self.restarts)
        if self.accelerator not in ACCELERATORS:
            raise InputError(
                f"{self.accelerator!r} is no TPU of GKE",
                field="accelerator",
                remedy=f"known are {', '.join(ACCELERATORS)}",
            )
        sides = self.topology.split("x")
        wanted = ACCELERATORS[self.accelerator]
        if len(sides) != wanted or not all(side.isdecimal() and int(side) for side in sides):
            raise InputError(
                f"{self.topology!r} is no topology of {self.accelerator}",
                field="topology",
                remedy=f"write {wanted} numbers, such as {'x'.join(['4'] * wanted)}",
            )
        if self._chips() % self.chips_per_node:
            raise InputError(
                f"{self._chips()} chips are not hosts of {self.chips_per_node}",
                field="chips_per_node",
            )

    def nodes(self) -> int:
        """Number of hosts, and pods, of a slice."""
        return self._chips() // self.chips_per_node

    def plan(self, command: Sequence[str], directory: Path) -> Plan:
        """The manifest and the command that creates it.

        Args:
            command: the training command, run in the image on every host.
            directory: where the manifest will be written.

        Raises:
            InputError: the command would lose its work, or train on each host by itself.
        """
        checks.check_command(command)
        checks.check_distributed(command, several=self.nodes() > 1)
        checks.check_workdir(command)
        path = directory / "jobset.json"
        kubectl = ["kubectl", f"--namespace={self.namespace}"]
        first = [
            f"jobset.sigs.k8s.io/jobset-name={self.name}",
            "batch.kubernetes.io/job-completion-index=0",
        ]
        return Plan(
            path=path,
            text=json.dumps(self.manifest(command), indent=2) + "\n",
            command=[*kubectl, "create", f"--filename={path}"],
            afterwards={
                "its state": [*kubectl, "get", "jobset,pods"],
                "its output": [*kubectl, "logs", "--follow", f"--selector={','.join(first)}"],
                "ends it": [*kubectl, "delete", "jobset", self.name],
            },
        )

    def manifest(self, command: Sequence[str]) -> dict:
        """The JobSet as a dictionary."""
        job = {
            "parallelism": self.nodes(),
            "completions": self.nodes(),
            "completionMode": "Indexed",
            "backoffLimit": 0,  # one pod that fails ends the job, and the JobSet starts it again
            "template": {"spec": self._pod(command)},
        }
        return {
            "apiVersion": "jobset.x-k8s.io/v1alpha2",
            "kind": "JobSet",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "annotations": {
                    "alpha.jobset.sigs.k8s.io/exclusive-topology": "cloud.google.com/gke-nodepool"
                },
            },
            "spec": {
                "failurePolicy": {
                    "maxRestarts": self.restarts,
                    "restartStrategy": "BlockingRecreate",  # two runs never write one workdir
                },
                "replicatedJobs": [{"name": "slice", "replicas": 1, "template": {"spec": job}}],
            },
        }

    def _pod(self, command):
        chips = {"google.com/tpu": str(self.chips_per_node)}
        container = {
            "name": "train",
            "image": self.image,
            # Kubernetes reads $(NAME) in a command as a variable, and $$ as $.
            "command": [word.replace("$", "$$") for word in command],
            "ports": [{"containerPort": PORT}],
            "resources": {"requests": chips, "limits": chips},
            "volumeMounts": [{"name": "shared", "mountPath": SHARED}],
        }
        selector = {
            "cloud.google.com/gke-tpu-accelerator": self.accelerator,
            "cloud.google.com/gke-tpu-topology": self.topology,
        }
        pod = {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 120,  # to save in after SIGTERM
            "nodeSelector": selector,
            "securityContext": {"runAsUser": 0},  # the files of the chips belong to root
            "containers": [container],
            "volumes": [{"name": "shared", "persistentVolumeClaim": {"claimName": self.claim}}],
        }
        if self.service_account:
            pod["serviceAccountName"] = self.service_account
        if self.spot:
            selector[SPOT] = "true"
            toleration = {"key": SPOT, "operator": "Equal", "value": "true", "effect": "NoSchedule"}
            pod["tolerations"] = [toleration]
        return pod

    def _chips(self):
        return math.prod(int(side) for side in self.topology.split("x"))
