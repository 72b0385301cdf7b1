"""What an estimator says of each row of a file, joined with what is known of the row.

A row is a step, or a whole solution where the file was judged so; `calibrate_file` writes the file.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from prm_jax.errors import InputError
from prm_jax.records import Trajectory

COLUMNS = ("prediction", "probability", "q", "d", "region", "admitted", "reason")
"""What a judged line has for each row."""
BASELINE_COLUMNS = ("prediction", "probability", "score", "admitted")
"""What it has of each baseline; this probability is that of class 1, right."""


@dataclasses.dataclass(frozen=True)
class LabelledRows:
    """Rows with a label, and what one method says of them.

    Fields:
        prediction: int[N]. probability: float[N,C]. score: float[N], what ranks rows.
        admitted: bool[N]. label: int[N], true classes.
    """

    prediction: np.ndarray
    probability: np.ndarray
    score: np.ndarray
    admitted: np.ndarray
    label: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """bool[N], whether the prediction is right."""
        return self.prediction == self.label

    @property
    def of_prediction(self) -> np.ndarray:
        """float[N], probability of the prediction."""
        return self.probability[np.arange(len(self.prediction)), self.prediction]


@dataclasses.dataclass(frozen=True)
class JudgedRows:
    """The judged rows of a file, in its order; those that did not fit are left out.

    Fields:
        unit: 'step' or 'solution'.
        at: for each row `(solution, step)`, the step being 0 where solutions were judged.
        columns: COLUMNS and `right` (probability of class 1), arrays of N.
        label: int[N], 1 right, 0 wrong, -1 unknown.
        missing: how many did not fit.
        baselines: name -> BASELINE_COLUMNS of the same rows, where the file has them.
    """

    unit: str
    at: list[tuple[int, int]]
    columns: Mapping[str, np.ndarray]
    label: np.ndarray
    missing: int
    baselines: Mapping[str, Mapping[str, np.ndarray]]

    def __len__(self):
        return len(self.at)

    def labelled(self, baseline: str | None = None) -> LabelledRows:
        """What the estimator, or one of `baselines`, says of the rows with a label."""
        if baseline is None:
            names = ("prediction", "right", "probability", "admitted")
            columns = [self.columns[name] for name in names]
        else:
            columns = [self.baselines[baseline][name] for name in BASELINE_COLUMNS]
        known = self.label >= 0
        prediction, right, score, admitted = (column[known] for column in columns)
        probability = np.stack([1 - right, right], axis=1)
        return LabelledRows(prediction, probability, score, admitted, self.label[known])


def judged_rows(trajectories: Sequence[Trajectory], lines: Sequence[Mapping]) -> JudgedRows:
    """Joins a judged file with the solutions it was made from.

    Args:
        trajectories: with ids.
        lines: one a trajectory in the same order, as `calibrate_file` writes them.

    Returns:
        `JudgedRows`; a label is right from 0.5 on, and a solution's is its outcome.

    Raises:
        InputError: the lines are not of these solutions, or lack a column.
    """
    of_steps = _check(trajectories, lines)
    at, labels, missing = [], [], 0
    columns: dict[str, list] = {name: [] for name in (*COLUMNS, "right")}
    baselines: dict[str, dict[str, list]] = {
        name: {column: [] for column in BASELINE_COLUMNS} for name in lines[0].get("baselines", ())
    }
    for number, (trajectory, line) in enumerate(zip(trajectories, lines)):
        truth = trajectory.step_labels() if of_steps else [trajectory.outcome]
        right = line["step_scores"] if of_steps else line["score"]
        table = {name: line[name] for name in COLUMNS} | {"right": right}
        table = {name: values if of_steps else [values] for name, values in table.items()}
        for step, label in enumerate(truth):
            if table["prediction"][step] is None:
                missing += 1
                continue
            at.append((number, step))
            labels.append(-1 if label is None else int(label >= 0.5))
            for name, values in table.items():
                columns[name].append(values[step])
            for name, of in baselines.items():
                for column, values in of.items():
                    value = line["baselines"][name][column]
                    values.append(value[step] if of_steps else value)
    return JudgedRows(
        "step" if of_steps else "solution",
        at,
        {name: np.array(values) for name, values in columns.items()},
        np.array(labels, int),
        missing,
        {
            name: {column: np.array(values) for column, values in of.items()}
            for name, of in baselines.items()
        },
    )


def _check(trajectories, lines) -> bool:
    """Whether steps were judged, not solutions; raises `InputError` for lines of neither kind."""
    names = [(t.id, line.get("id")) for t, line in zip(trajectories, lines)]
    if len(trajectories) != len(lines) or not lines or any(a != b for a, b in names):
        raise InputError(
            f"{len(lines)} judged lines are not those of {len(trajectories)} solutions",
            field="id",
            remedy="give the file that was judged",
        )
    of_steps = isinstance(lines[0].get("prediction"), list)
    for trajectory, line in zip(trajectories, lines):
        for name in (*COLUMNS, "step_scores" if of_steps else "score"):
            value = line.get(name)
            fits = name in line and isinstance(value, list) == of_steps
            if not fits or (of_steps and len(value) != len(trajectory.steps)):
                raise _not_one_each(trajectory, of_steps, name)
        of_baselines = line.get("baselines", {})
        if set(of_baselines) != set(lines[0].get("baselines", {})):
            raise InputError(
                f"the line {trajectory.id!r} has other baselines than the first", field="baselines"
            )
        for name, columns in of_baselines.items():
            for column in BASELINE_COLUMNS:
                value = columns.get(column)
                if of_steps and (
                    not isinstance(value, list) or len(value) != len(trajectory.steps)
                ):
                    raise _not_one_each(trajectory, of_steps, f"baselines.{name}.{column}")
    return of_steps


def _not_one_each(trajectory, of_steps, field):
    each = "step" if of_steps else "solution"
    return InputError(
        f"the line {trajectory.id!r} has not one value a {each}",
        field=field,
        remedy="give what experiments.calibrate wrote",
    )
