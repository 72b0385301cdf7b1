"""What a workdir holds of its run, and whether another run may continue it."""

import os
from pathlib import Path
from types import NoneType

from prm_jax.errors import InputError
from prm_jax.json_files import read_json
from prm_jax.records import Rejects
from prm_jax.train import config as config_lib

CONFIG = "config.json"
DATA_REPORT = "data_report.json"
REJECTS = "rejects"
NEW_RUN = "bring back the file that the run wrote, or use a new workdir"


def rejects(workdir) -> dict[str, Rejects]:
    """Where the rows go that are left out of the files of 'train' and of 'validation'."""
    folder = Path(workdir) / REJECTS
    return {name: Rejects(folder / f"{name}.jsonl") for name in ("train", "validation")}


def has_checkpoint(workdir) -> bool:
    """Whether a workdir holds a checkpoint, damaged or not, or an exported model."""
    folders = [Path(workdir) / name for name in ("checkpoints", "damaged")]
    saved = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
    return any(path.name.isdigit() for path in saved) or (Path(workdir) / "export").is_dir()


def check_workdir(workdir, config):
    """Raises `InputError` with the differences if a workdir's run has another configuration.

    A run that has no checkpoint has nothing that another configuration could spoil.
    """
    path = Path(workdir) / CONFIG
    if not os.path.lexists(path) or not has_checkpoint(workdir):
        return
    old = read_json(path, remedy=NEW_RUN)
    # What an older version did not know had the value that is the default now.
    old = {
        **config_lib.flatten(config_lib.to_json(config_lib.default_config())),
        **config_lib.flatten(old),
    }
    if different := config_lib.differences(old, config_lib.to_json(config)):
        raise InputError(
            f"holds a run with another configuration: {'; '.join(different)}",
            file=workdir,
            remedy="use a new workdir, or the old configuration",
        )


def check_data(workdir, reports):
    """Raises `InputError` if a workdir's run began with other data than `reports` are about, and
    has a checkpoint.
    """
    path = Path(workdir) / DATA_REPORT
    if not os.path.lexists(path) or not has_checkpoint(workdir):
        return
    old = read_json(path, dict.fromkeys(reports, (dict, NoneType)), remedy=NEW_RUN)
    for name, report in reports.items():
        if (old.get(name) or {}).get("fingerprint") != report["fingerprint"]:
            raise InputError(
                f"the {name} data are not those that the run in {workdir} began with",
                field=f"data.{name}",
                remedy="use a new workdir, or the old data",
            )
