"""Damaged checkpoints out of the way of a run that goes on from the newest whole one."""

import json
from pathlib import Path

from prm_jax.errors import InputError
from prm_jax.files import LineFile
from prm_jax.train import checksums
from prm_jax.train.checkpoint import DIRECTORY

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
        aside.mkdir(exist_ok=True)
        copies = sum(path.name.split(".")[0] == str(bad) for path in aside.iterdir())
        to = aside / (f"{bad}.{copies}" if copies else str(bad))
        (folder / str(bad)).rename(to)
        told.append(
            f"checkpoint {bad} is damaged: {problem}; it was moved to {to}, and the run goes on "
            f"from checkpoint {step}"
        )
        log = LineFile(aside / "log.jsonl")
        row = {"checkpoint": bad, "problem": problem, "moved_to": str(to), "continued_from": step}
        log.append([json.dumps(row) + "\n"])
        log.close()
    return told
