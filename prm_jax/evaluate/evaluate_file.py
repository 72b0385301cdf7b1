"""One evaluation from files to a result that says how it was made."""

import importlib.metadata
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any

from prm_jax.errors import InputError
from prm_jax.evaluate import TASKS
from prm_jax.evaluate.best_of_n import require_truth
from prm_jax.evaluate.inputs import (
    join_scores,
    join_stored_scores,
    model_files,
    require_step_scores,
)
from prm_jax.evaluate.processbench import known_first_error
from prm_jax.formats import Remarks, check_readable
from prm_jax.provenance import code_version
from prm_jax.records import Rejects
from prm_jax.scoring.inputs import read_identified
from prm_jax.scoring.score_file import sha256

TAKES_SOLUTION_SCORES = ("best_of_n",)
NEEDS = {"processbench": known_first_error, "best_of_n": require_truth}
"""By task what raises `InputError` for a trajectory that does not say what the task needs."""
PACKAGES = ("numpy", "sympy")


def evaluate_file(
    task: str,
    path,
    *,
    scores=None,
    scores_key: str | None = None,
    format: str = "auto",
    skip_bad: Rejects | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options,
) -> dict:
    """Runs a task on a file.

    Args:
        task: a name in TASKS.
        path: rows, as `formats.read` takes them.
        scores: file that experiments.score made of them.
        scores_key: instead, the name under which the rows hold scores.
        format: format of the rows.
        skip_bad: takes rows that cannot be read, hold no scores, or do not say what the task asks
            for; then rows without a line in `scores` are left out too. None raises at the first.
        progress: called with (finished, all) parts of the task, or of one after the other.
        **options: of the task.

    Returns:
        The task's figures with `task`, `remarks` (what is to be said of the rows) and `run`: inputs
        with their SHA-256, numbers of rows refused and without scores, versions, command.

    Raises:
        InputError: bad input, both or neither of `scores` and `scores_key`, or an option that the
            task does not have.
    """
    if task not in TASKS:
        raise InputError(
            f"unknown task {task!r}", field="task", remedy=f"one of {', '.join(TASKS)}"
        )
    parameters = inspect.signature(TASKS[task]).parameters
    known = [n for n, p in parameters.items() if p.kind == p.KEYWORD_ONLY and n != "progress"]
    if unknown := sorted(set(options) - set(known)):
        raise InputError(
            f"task {task} has no such option", field=unknown[0], remedy=f"it has {', '.join(known)}"
        )
    if (scores is None) == (scores_key is None):
        raise InputError("give either scores or scores_key", field="scores")
    check_readable(path, format=format)
    check_readable(scores)
    remarks = Remarks()
    try:
        trajectories = read_identified(path, format, skip_bad, remarks)
    except InputError as error:
        if error.line is None or skip_bad:
            raise
        raise error.advised("leave such rows out with skip_bad") from error
    input_sha256 = sha256(path)
    joined: Mapping[int, Any]
    if scores_key is None:
        joined = join_scores(scores, trajectories, input_sha256, skip_bad)
    else:
        joined = join_stored_scores(scores_key, trajectories, path, skip_bad)
    without_scores = len(trajectories) - len(joined) if scores_key is None else 0
    kept = [i for i in sorted(joined) if _is_usable(task, trajectories[i], path, skip_bad)]
    if not kept:
        raise InputError("no row can be evaluated", file=path, remedy="see the rows refused")
    trajectories = [trajectories[index] for index in kept]
    values = [joined[index] for index in kept]
    if task not in TAKES_SOLUTION_SCORES:
        require_step_scores(values, task)
    run = {
        "input": str(path),
        "input_sha256": input_sha256,
        "rows_refused": len(skip_bad.rows) if skip_bad else 0,
        "rows_without_scores": without_scores,
        "scores": None if scores is None else str(scores),
        "scores_sha256": None if scores is None else sha256(scores),
        "scores_key": scores_key,
        "model_files": model_files(scores),
        "code": code_version(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "argv": sys.argv,
    }
    if progress:
        options["progress"] = progress
    result = TASKS[task](trajectories, values, **options)
    said = [*remarks.lines(), *result.pop("remarks", [])]
    if without_scores:
        said.append(f"{without_scores} solutions have no line in {scores} and are left out")
    return {"task": task, **result, "remarks": said, "run": run}


def _is_usable(task, trajectory, path, skip_bad) -> bool:
    """Whether a trajectory says what the task needs; if not it is refused, where that is asked."""
    if skip_bad is None or task not in NEEDS:
        return True
    try:
        NEEDS[task](trajectory)
    except InputError as error:
        named = InputError(error.problem, file=path, field=error.field, remedy=error.remedy)
        skip_bad.add(named, trajectory.to_dict())
        return False
    return True
