"""The scores of a task: from a file that experiments.score wrote, or from fields of the rows."""

import math
from collections.abc import Callable, Sequence

from prm_jax.errors import InputError
from prm_jax.evaluate import cached_scores
from prm_jax.records import Trajectory, read_jsonl


def read_scores(
    path, trajectories: Sequence[Trajectory]
) -> list[list[float | None] | float | None]:
    """Reads a file of scores and joins it to the trajectories by id and order.

    Args:
        path: JSON lines with `id` and `step_scores`, one a trajectory, in the same order; where
            `step_scores` is null, as an outcome reward model leaves it, `score` counts. Or a cache
            that `cached_scores` reads, whose rows name candidates, in any order.
        trajectories: with ids, as `scoring.inputs.read_identified` gives them.

    Returns:
        Per trajectory its step scores, None for a step that was not scored; or its one score, None
        if it has none.

    Raises:
        InputError: says which line does not fit, and why.
    """
    _, head = next(read_jsonl(path))
    if cached_scores.is_cache(head):
        return cached_scores.read_cache(path, trajectories, _checked)
    scores: list[list[float | None] | float | None] = []
    line_of: dict[str, int | None] = {}
    ids = {t.id for t in trajectories}
    for where, row in read_jsonl(path):
        name = row.get("id") if isinstance(row, dict) else None
        if not isinstance(name, str):
            raise where.error("is missing", field="id", remedy="give a file of experiments.score")
        index = len(scores)
        if index >= len(trajectories) or name != trajectories[index].id:
            wanted = trajectories[index].id if index < len(trajectories) else None
            if name in line_of and name != wanted:
                problem = f"{name!r} appears again, first in line {line_of[name]}"
            elif name not in ids:
                problem = f"{name!r} is not in the input"
            else:
                problem = f"{name!r} where the input has {wanted!r}"
            raise where.error(problem, field="id", remedy="score the same input, in the same order")
        line_of.setdefault(name, where.line)
        if row.get("step_scores") is None and "score" in row:
            scores.append(_of_solution(row["score"], where.error))
            continue
        scores.append(
            _checked(row.get("step_scores"), trajectories[index], "step_scores", where.error)
        )
    if len(scores) < len(trajectories):
        raise InputError(
            f"{len(scores)} lines for {len(trajectories)} solutions; "
            f"{trajectories[len(scores)].id!r} is the first without",
            file=path,
            remedy="score the same input",
        )
    return scores


def stored_scores(
    key: str, trajectories: Sequence[Trajectory], file
) -> list[list[float | None] | float]:
    """The scores that the rows themselves hold, such as published ones.

    Args:
        key: name of a field of the row, or of an entry of its (or its candidate's) `scores`: a list
            with a number in [0, 1] or null a step, or one number for the solution.
        trajectories: the rows.
        file: where they come from, for messages.

    Returns:
        Per trajectory its step scores, or its score.

    Raises:
        InputError: a row without that key, or with something else there.
    """
    found: list[list[float | None] | float] = []
    for trajectory in trajectories:
        nested = trajectory.meta.get("scores")
        nested = nested if isinstance(nested, dict) else {}
        if key not in trajectory.meta and key not in nested:
            names = [*nested, *(k for k, v in trajectory.meta.items() if isinstance(v, list))]
            raise InputError(
                f"row {trajectory.id!r} holds no scores {key!r}",
                file=file,
                field="scores_key",
                remedy=f"it has {', '.join(names) or 'none'}",
            )
        value = trajectory.meta[key] if key in trajectory.meta else nested[key]

        def fail(problem, field, remedy=None, name=trajectory.id):
            return InputError(f"row {name!r}: {problem}", file=file, field=field, remedy=remedy)

        if type(value) in (int, float):
            if not math.isfinite(value):
                raise fail(f"{value} is not finite", key)
            found.append(float(value))
            continue
        found.append(_checked(value, trajectory, key, fail))
    return found


def number(text: str, field: str, kind: Callable = float):
    """The number that a text stands for, or an `InputError` that names the field."""
    try:
        return kind(text)
    except ValueError:
        raise InputError(f"{text!r} is not a number", field=field) from None


def read_step_scores(path, trajectories: Sequence[Trajectory]) -> list[list[float | None]]:
    """As `read_scores`, for what needs a score a step.

    Raises:
        InputError: as `read_scores`, or an outcome reward model gave one score a solution.
    """
    scores = []
    for given in read_scores(path, trajectories):
        if not isinstance(given, list):
            raise InputError(
                "holds one score a solution, and this needs one a step",
                file=path,
                field="step_scores",
                remedy="score with a process reward model; evaluate's best_of_n takes such scores",
            )
        scores.append(given)
    return scores


def require_step_scores(scores, task: str) -> None:
    """Raises `InputError` if a trajectory has one score instead of one a step."""
    if any(not isinstance(s, list) for s in scores):
        raise InputError(
            f"task {task} needs a score a step, not one a solution",
            field="scores",
            remedy="use a process reward model; best_of_n takes an outcome reward model's",
        )


def _of_solution(value, error):
    """A score of a whole solution: any finite number, or None."""
    if value is not None and not (type(value) in (int, float) and math.isfinite(value)):
        raise error(f"{value!r} is not a finite number or null", field="score")
    return value


def _checked(values, trajectory, field, error):
    if not isinstance(values, list) or len(values) != len(trajectory.steps):
        shape = f"a list of {len(values)}" if isinstance(values, list) else type(values).__name__
        raise error(
            f"is {shape}, not one number per step of {len(trajectory.steps)}",
            field=field,
            remedy="score the same input again",
        )
    for index, p in enumerate(values):
        if p is not None and not (type(p) in (int, float) and 0 <= p <= 1):
            raise error(
                f"{p!r} is not a number in [0, 1] or null",
                field=f"{field}[{index}]",
                remedy="null stands for a step that was not scored",
            )
    return values
