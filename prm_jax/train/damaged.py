"""Damaged checkpoints and exports out of the way of a run that makes them again."""

import json
import os
from pathlib import Path

from prm_jax.errors import InputError
from prm_jax.files import LineFile
from prm_jax.train import checksums
from prm_jax.train.checkpoint import DIRECTORY
from prm_jax.weights.export import damage

DAMAGED = "damaged"


def set_aside_damaged(workdir) -> list[str]:
    """Moves the checkpoints of a run that are newer than its newest whole one to `damaged/`.

    To be called by one process, before any opens the checkpoints.

    Args:
        workdir: directory of the run.

    Returns:
        What to tell, a sentence for each that was moved; `damaged/log.jsonl` keeps it too.

    Raises:
        InputError: there are checkpoints and all are damaged; nothing is moved.
    """
    workdir = Path(workdir)
    folder, aside = workdir / DIRECTORY, workdir / DAMAGED
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    problems: dict[int, str] = {}
    for step in sorted((int(name) for name in names if name.isdigit()), reverse=True):
        problem = checksums.damage(folder / str(step))
        if not problem:
            break
        problems[step] = problem
    else:
        if problems:
            newest = max(problems)
            raise InputError(
                f"every checkpoint is damaged; of the newest, {newest}, {problems[newest]}",
                file=folder,
                remedy="bring back a copy, or remove the directory to begin anew",
            )
        return []
    told = []
    for bad, problem in problems.items():
        what = {"checkpoint": bad, "problem": problem, "continued_from": step}
        to = _set_aside(folder / str(bad), aside, what)
        told.append(
            f"checkpoint {bad} is damaged: {problem}; it was moved to {to}, and the run goes on "
            f"from checkpoint {step}"
        )
    return told


def set_aside_damaged_export(workdir) -> list[str]:
    """Moves a run's export to `damaged/` if it is not what was written.

    To be called by one process.

    Args:
        workdir: directory of the run.

    Returns:
        What to tell, at most one sentence.
    """
    directory = Path(workdir) / "export"
    if not os.path.lexists(directory) or not (problem := damage(directory)):
        return []
    to = _set_aside(directory, Path(workdir) / DAMAGED, {"export": "export", "problem": problem})
    return [
        f"the export is damaged: {problem}; it was moved to {to}, and is made again from the "
        "checkpoint"
    ]


def _set_aside(path, aside, what):
    """Where a directory was moved to; `what` and that become a line of the log."""
    aside.mkdir(exist_ok=True)
    copies = sum(other.name.split(".")[0] == path.name for other in aside.iterdir())
    to = aside / (f"{path.name}.{copies}" if copies else path.name)
    path.rename(to)
    log = LineFile(aside / "log.jsonl")
    log.append([json.dumps({**what, "moved_to": str(to)}) + "\n"])
    log.close()
    return to
