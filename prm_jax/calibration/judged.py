"""The lines of a judged file: what calibration says of a solution's steps, or of it as a whole.

docs/data_formats.md lists the fields.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from prm_jax.calibration.sdm import Prediction
from prm_jax.json_values import number
from prm_jax.records import Trajectory, read_jsonl
from prm_jax.scoring import StepScores
from prm_jax.scoring.aggregation import logit
from prm_jax.scoring.score_file import score_row

RIGHT = 1
"""The class of right steps and solutions."""


@dataclasses.dataclass(frozen=True)
class Judged:
    """What acceptance asks of a judged solution.

    Fields:
        id: names the solution.
        level: 'step' if each step was judged, 'solution' if the whole was.
        score: of the solution; None if nothing was judged.
        prediction: per step, or one for the solution: RIGHT or another class; None where a step did
            not fit, as in the others.
        admitted: whether that prediction reaches the accuracy that was asked for.
        region: the level that admits it, 0 if none does.
    """

    id: str
    level: str
    score: float | None
    prediction: tuple[int | None, ...]
    admitted: tuple[bool | None, ...]
    region: tuple[float | None, ...]


def step_line(
    trajectory: Trajectory, found: Prediction, truncated: bool, aggregation: str, names=None
) -> dict:
    """The line of a solution whose steps were judged.

    Args:
        trajectory: the solution.
        found: of the steps that fitted.
        truncated: whether a step did not fit.
        aggregation: steps to solution.
        names: (id, step) of each row that `found.nearest` may name; None leaves them out.

    Returns:
        JSON-able; null for steps that did not fit.
    """
    p_right = found.probability[:, RIGHT].astype(float)
    missing = [None] * (len(trajectory.steps) - len(p_right))
    scores = StepScores(
        (*p_right.tolist(), *missing), (*map(logit, p_right.tolist()), *missing), bool(truncated)
    )
    line = score_row(trajectory.id, scores, aggregation)
    return line | {name: values + missing for name, values in _columns(found, names).items()}


def solution_line(trajectory: Trajectory, found: Prediction, truncated: bool, names=None) -> dict:
    """The line of a solution that was judged as a whole: one value where `step_line` has a list.

    Args:
        trajectory, truncated: as in `step_line`.
        found: of the solution; without a row if a step did not fit, and all values are null.
        names: ids, otherwise as in `step_line`.
    """
    p_right = found.probability[:, RIGHT].astype(float).tolist()
    line = {"id": trajectory.id, "score": (p_right or [None])[0], "truncated": bool(truncated)}
    columns = _columns(found, names)
    return line | {name: (values or [None])[0] for name, values in columns.items()}


def baseline_columns(trajectory: Trajectory, found: Mapping, place: slice, level: str) -> dict:
    """What baselines say of a solution: under each name `probability` (that the step, or solution,
    is right), `prediction`, `score` and `admitted`, as in `step_line` and `solution_line`.

    Args:
        trajectory: the solution.
        found: name -> `BaselinePrediction` of the rows of many solutions.
        place: which of them are this solution's.
        level: 'step' or 'solution'.
    """
    columns = {}
    for name, of in found.items():
        lists = {
            "probability": of.probability[place, RIGHT].astype(float).tolist(),
            "prediction": of.prediction[place].tolist(),
            "score": of.score[place].astype(float).tolist(),
            "admitted": of.admitted[place].tolist(),
        }
        n_units = len(trajectory.steps) if level == "step" else 1
        missing = [None] * (n_units - len(lists["score"]))
        lists = {key: values + missing for key, values in lists.items()}
        columns[name] = lists if level == "step" else {key: v[0] for key, v in lists.items()}
    return columns


def read_judged(path) -> list[Judged]:
    """Reads a judged file.

    Args:
        path: JSON lines of experiments.calibrate.

    Returns:
        In the order of the file.

    Raises:
        InputError: says which line is none, or that lines of steps and of solutions are mixed.
    """
    found: list[Judged] = []
    line_of: dict[str, int | None] = {}
    for where, row in read_jsonl(path):
        judged = _checked(row, where)
        if judged.id in line_of:
            first = line_of[judged.id]
            raise where.error(f"{judged.id!r} appears again, first in line {first}", field="id")
        if found and judged.level != found[0].level:
            raise where.error(
                f"is judged by {judged.level}, the first line by {found[0].level}", field="admitted"
            )
        line_of[judged.id] = where.line
        found.append(judged)
    return found


def _columns(found, names):
    """The fields of rows, a list each."""
    of_prediction = np.take_along_axis(
        found.probability, found.prediction[:, None].astype(int), axis=1
    )[:, 0]
    columns = {
        "probability": of_prediction,
        "prediction": found.prediction,
        "q": found.q,
        "d": found.d,
        "region": np.round(found.level.astype(float), 6),
        "admitted": found.admitted,
        "admitted_lower": found.admitted_lower,
        "ood": found.ood,
        "reason": found.reason,
    }
    lists = {name: column.tolist() for name, column in columns.items()}
    if names is not None:
        lists["nearest"] = [[names[n] for n in row] for row in found.nearest.tolist()]
    return lists


def _checked(row, where) -> Judged:
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        raise where.error("is missing", field="id", remedy="give a file of experiments.calibrate")
    level = "step" if isinstance(row.get("admitted"), list) else "solution"
    columns = {}
    for name, fits in CHECKS.items():
        if name not in row:
            raise where.error(
                "is missing", field=name, remedy="give a file of experiments.calibrate"
            )
        values = row[name] if isinstance(row[name], list) else [row[name]]
        if isinstance(row[name], list) != (level == "step") or not values:
            raise where.error("does not go with 'admitted'", field=name)
        if not all(value is None or fits(value) for value in values):
            raise where.error(f"{row[name]!r} cannot be read", field=name)
        columns[name] = tuple(values)
    if len({len(values) for values in columns.values()}) > 1:
        raise where.error("has another number of steps than the other fields", field="admitted")
    score = row.get("score")
    if score is not None and not _number(score):
        raise where.error(f"{score!r} is not a number or null", field="score")
    return Judged(row["id"], level, score, **columns)


def _number(value):
    return type(value) in (int, float) and number(value) is not None


CHECKS = {
    "prediction": lambda value: type(value) is int,
    "admitted": lambda value: type(value) is bool,
    "region": lambda value: _number(value) and 0 <= value <= 1,
}
