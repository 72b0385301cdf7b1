"""Starting a training elsewhere: each place is a dataclass of options that gives a `Plan`."""

from prm_jax.launch.gke import GkeJobSet
from prm_jax.launch.gpu import GpuBox
from prm_jax.launch.plan import Plan
from prm_jax.launch.slurm import SlurmJob
from prm_jax.launch.targets import TARGETS, make_target
from prm_jax.launch.tpu import TpuPod

__all__ = ["TARGETS", "GkeJobSet", "GpuBox", "Plan", "SlurmJob", "TpuPod", "make_target"]
