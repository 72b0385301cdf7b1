"""What identifies a run: configuration, code and data; and whether a workdir may be continued."""

import contextlib
import importlib.metadata
import json
import subprocess
from pathlib import Path

import prm_jax
from prm_jax.errors import InputError
from prm_jax.files import atomic_write
from prm_jax.train import config as config_lib

CONFIG = "config.json"
DATA_REPORT = "data_report.json"


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


def check_workdir(workdir, config):
    """Raises `InputError` with the differences if a workdir's run has another configuration."""
    path = Path(workdir) / CONFIG
    if not path.is_file():
        return
    old = json.loads(path.read_text(encoding="utf-8"))
    if different := config_lib.differences(old, config_lib.to_json(config)):
        raise InputError(
            f"holds a run with another configuration: {'; '.join(different)}",
            file=workdir,
            remedy="use a new workdir, or the old configuration",
        )


def check_data(workdir, reports):
    """Raises `InputError` if a workdir's run began with other data than `reports` are about."""
    path = Path(workdir) / DATA_REPORT
    if not path.is_file():
        return
    old = json.loads(path.read_text(encoding="utf-8"))
    for name, report in reports.items():
        if old.get(name, {}).get("fingerprint") != report["fingerprint"]:
            raise InputError(
                f"the {name} data are not those that the run in {workdir} began with",
                field=f"data.{name}",
                remedy="use a new workdir, or the old data",
            )


def write_json(path, values):
    """Writes a JSON file atomically."""
    with atomic_write(path) as file:
        json.dump(values, file, indent=2, ensure_ascii=False)
        file.write("\n")
