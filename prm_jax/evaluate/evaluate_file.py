"""One evaluation from files to a result that says how it was made."""

import importlib.metadata
import inspect
import sys
from collections.abc import Sequence

from prm_jax.errors import InputError
from prm_jax.evaluate import TASKS
from prm_jax.evaluate.inputs import read_scores, require_step_scores, stored_scores
from prm_jax.provenance import code_version
from prm_jax.scoring.inputs import read_identified
from prm_jax.scoring.score_file import sha256

TAKES_SOLUTION_SCORES = ("best_of_n",)
PACKAGES = ("numpy", "sympy")


def evaluate_file(
    task: str, path, *, scores=None, scores_key: str | None = None, format: str = "auto", **options
) -> dict:
    """Runs a task on a file.

    Args:
        task: a name in TASKS.
        path: rows, as `formats.read` takes them.
        scores: file that experiments.score made of them.
        scores_key: instead, the name under which the rows hold scores.
        format: format of the rows.
        **options: of the task.

    Returns:
        The task's figures with `task` and `run`: inputs with their SHA-256, versions, command.

    Raises:
        InputError: bad input, both or neither of `scores` and `scores_key`, or an option that the
            task does not have.
    """
    if task not in TASKS:
        raise InputError(
            f"unknown task {task!r}", field="task", remedy=f"one of {', '.join(TASKS)}"
        )
    known = [name for name, p in inspect.signature(TASKS[task]).parameters.items() if p.kind == 3]
    if unknown := sorted(set(options) - set(known)):
        raise InputError(
            f"task {task} has no such option", field=unknown[0], remedy=f"it has {', '.join(known)}"
        )
    if (scores is None) == (scores_key is None):
        raise InputError("give either scores or scores_key", field="scores")
    trajectories = read_identified(path, format)
    values: Sequence
    if scores_key is None:
        values = read_scores(scores, trajectories)
    else:
        values = stored_scores(scores_key, trajectories, path)
    if task not in TAKES_SOLUTION_SCORES:
        require_step_scores(values, task)
    run = {
        "input": str(path),
        "input_sha256": sha256(path),
        "scores": None if scores is None else str(scores),
        "scores_sha256": None if scores is None else sha256(scores),
        "scores_key": scores_key,
        "code": code_version(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "argv": sys.argv,
    }
    return {"task": task, **TASKS[task](trajectories, values, **options), "run": run}
