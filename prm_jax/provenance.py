"""What made a result: the version of the code, of the packages it stands on, and the machine."""

import contextlib
import importlib.metadata
import os
import platform
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import prm_jax

VARIABLES = ("GLIBC_TUNABLES", "JAX_DEFAULT_MATMUL_PRECISION", "JAX_ENABLE_X64", "XLA_FLAGS")
"""Of the environment, what changes speed or numbers."""
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy", "tokenizers")


def code_version() -> str:
    """The git commit of this code, '-dirty' if files differ from it; else the package's version."""
    root = Path(prm_jax.__file__).parents[1]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
        if (root / ".git").exists():
            return subprocess.run(
                command, capture_output=True, text=True, check=True, timeout=10
            ).stdout.strip()
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version("prm_jax")
    return "unknown"


def versions() -> dict[str, str]:
    """The version of Python and of each installed package that numbers depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def machine() -> dict:
    """The machine: system, processor, usable cores, memory in GiB, and jax's devices by kind."""
    import jax

    devices = [device.device_kind for device in jax.devices()]
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "devices": {kind: devices.count(kind) for kind in dict.fromkeys(devices)},
    }


def run_record(command: str, seconds: float) -> dict:
    """What a result file says of its run.

    Args:
        command: what was asked for.
        seconds: how long it took.

    Returns:
        It, with the code, the packages, the machine and its environment; `processor_seconds` are
        those that this process and the ended ones it started have used so far, of all cores.
    """
    used = (resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "command": command,
        "code": code_version(),
        "versions": versions(),
        "machine": machine(),
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "seconds": round(seconds, 1),
        "processor_seconds": round(sum(of.ru_utime + of.ru_stime for of in used), 1),
    }


def shell_command(run: dict) -> str:
    """The command of a `run_record` in its environment, as a shell takes it."""
    given = run.get("environment", {})
    return " ".join([*(f"{name}={shlex.quote(given[name])}" for name in given), run["command"]])


def peak_memory_gib() -> float:
    """The most memory this process has held at once, in GiB, file-backed pages included."""
    # What getrusage says counts, on Linux, what the parent held when it started this process.
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**20
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def _processor():
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"
