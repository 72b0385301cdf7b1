"""The scores of a task: from a file that experiments.score wrote, or from fields of the rows."""

import contextlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import NoneType

from prm_jax.errors import InputError
from prm_jax.evaluate import cached_scores
from prm_jax.json_files import read_json
from prm_jax.json_values import number as number_of
from prm_jax.records import Rejects, Trajectory, read_jsonl
from prm_jax.scoring.inputs import solutions_sha256

KINDS = {
    "input_sha256": (str, NoneType),
    "solutions_sha256": (str, NoneType),
    "rows": (int, NoneType),
    "model_files": (dict, NoneType),
}
"""What fields of OUTPUT.meta.json may be."""


def read_scores(
    path, trajectories: Sequence[Trajectory], input_sha256: str | None = None
) -> list[list[float | None] | float | None]:
    """Reads a file of scores and joins it to the trajectories by id and order.

    Args:
        path: JSON lines with `id` and `step_scores`, one a trajectory, in the same order; where
            `step_scores` is null, as an outcome reward model leaves it, `score` counts. Or a cache
            that `cached_scores` reads, by id and in any order.
        trajectories: with ids, as `scoring.inputs.read_identified` gives them.
        input_sha256: of the files they come from, as `score_file.sha256` gives it.

    Returns:
        Per trajectory its step scores, None for a step that was not scored; or its one score, None
        if it has none.

    Raises:
        InputError: says which line does not fit, and why; or OUTPUT.meta.json beside the file says
            that it was made of other problems, steps or files.
    """
    found = join_scores(path, trajectories, input_sha256)
    return [found[index] for index in range(len(trajectories))]


def join_scores(
    path,
    trajectories: Sequence[Trajectory],
    input_sha256: str | None = None,
    refused: Rejects | None = None,
) -> dict[int, list[float | None] | float | None]:
    """As `read_scores`, where bad rows may have been left out on one side.

    Args:
        path, trajectories, input_sha256: as in `read_scores`.
        refused: the rows of the input that were refused: lines may be of those, and trajectories
            without a line are passed over. None allows neither.

    Returns:
        The same by number of the trajectory.

    Raises:
        InputError: as `read_scores`; or no line is of a trajectory.
    """
    cached = cached_scores.entries(path)
    if cached is not None:
        return dict(enumerate(cached_scores.join(cached, trajectories, _checked, path)))
    made_from, meta = _made_from(path)
    same = None
    if "solutions_sha256" in made_from and made_from.get("rows") == len(trajectories):
        same = made_from["solutions_sha256"] == solutions_sha256(trajectories)
    found: dict[int, list[float | None] | float | None] = {}
    line_of: dict[str, int | None] = {}
    places: dict[str | None, list[int]] = {}
    for place, trajectory in enumerate(trajectories):
        places.setdefault(trajectory.id, []).append(place)
    index, refused_names = 0, names_of(refused)
    for where, row in read_jsonl(path):
        name = row.get("id") if isinstance(row, dict) else None
        if not isinstance(name, str):
            raise where.error("is missing", field="id", remedy="give a file of experiments.score")
        wanted = trajectories[index].id if index < len(trajectories) else None
        if name != wanted and not (same and wanted and _same_place(name, wanted)):
            later = [place for place in places.get(name, []) if place > index]
            if refused is not None and later:
                index = later[0]
            elif name not in places and refused_names & {name, name.rpartition("/")[0]}:
                continue
            else:
                if name in line_of:
                    problem = f"{name!r} appears again, first in line {line_of[name]}"
                elif name not in places:
                    problem = f"{name!r} is not in the input"
                else:
                    problem = f"{name!r} where the input has {wanted!r}"
                raise where.error(
                    problem, field="id", remedy="score the same input, in the same order"
                )
        line_of.setdefault(name, where.line)
        if row.get("step_scores") is None and "score" in row:
            found[index] = _of_solution(row["score"], where.error)
        else:
            found[index] = _checked(
                row.get("step_scores"), trajectories[index], "step_scores", where.error
            )
        index += 1
    missing = next((i for i in range(len(trajectories)) if i not in found), None)
    if missing is not None and (refused is None or not found):
        raise InputError(
            f"{len(found)} lines for {len(trajectories)} solutions; "
            f"{trajectories[missing].id!r} is the first without",
            file=path,
            remedy="score the same input",
        )
    other_files = input_sha256 is not None and made_from.get("input_sha256") != input_sha256
    if same is False:
        raise InputError(
            "the scores are of other problems or steps than the input's",
            file=path,
            remedy=f"score this input; what was scored is in {meta}",
        )
    if "solutions_sha256" not in made_from and "input_sha256" in made_from and other_files:
        raise InputError(
            f"the scores are of another file, {made_from.get('input')}",
            file=path,
            remedy=f"score this input, or remove {meta} if its problems and steps are the same",
        )
    return found


def names_of(refused: Rejects | None) -> set[str]:
    """What rows that were refused may be called: by their place, or by a value that they hold.

    Which field names a row is its format's to say, and a refused row has no format for certain; a
    row of candidates names each by its own name, a slash and a number.
    """
    names = set()
    for row in refused.rows if refused else ():
        names.add(f"{Path(row['file']).name}:{row['line']}")
        with contextlib.suppress(ValueError):
            held = json.loads(row["row"])
            values = held.values() if isinstance(held, dict) else ()
            names |= {str(v) for v in values if isinstance(v, str | int)}
    return names


def _made_from(path):
    """What OUTPUT.meta.json says of a file of scores, {} without one; and its path."""
    meta = Path(f"{path}.meta.json")
    return read_json(meta, KINDS, optional=True, remedy="score again, or remove it"), meta


def model_files(scores) -> dict | None:
    """Which files the model of a file of scores came from, None where nothing says so."""
    return None if scores is None else _made_from(scores)[0].get("model_files")


def _same_place(name, wanted):
    """Whether two names are of one line of a file that was called otherwise before."""
    (before, colon, line), (now, _, same_line) = name.rpartition(":"), wanted.rpartition(":")
    return bool(colon and before and now) and line == same_line and line.split("/")[0].isdecimal()


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
    found = join_stored_scores(key, trajectories, file)
    return [found[index] for index in range(len(trajectories))]


def join_stored_scores(
    key: str, trajectories: Sequence[Trajectory], file, skip_bad: Rejects | None = None
) -> dict[int, list[float | None] | float]:
    """As `stored_scores`, by number of the trajectory.

    Args:
        key, trajectories, file: as in `stored_scores`.
        skip_bad: takes rows without such scores; None raises at the first.

    Raises:
        InputError: as `stored_scores`; or no row has such scores.
    """
    found: dict[int, list[float | None] | float] = {}
    first = None
    for index, trajectory in enumerate(trajectories):
        try:
            found[index] = _stored(key, trajectory, file)
        except InputError as error:
            first = first or error
            if skip_bad is None:
                raise
            skip_bad.add(error, trajectory.to_dict())
    if first and not found:
        raise first
    return found


def _stored(key, trajectory, file):
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

    def fail(problem, field, remedy=None):
        return InputError(
            f"row {trajectory.id!r}: {problem}", file=file, field=field, remedy=remedy
        )

    if isinstance(value, float) and not math.isfinite(value):
        raise fail(f"{value} is not finite", key)
    if (score := number_of(value)) is not None:
        return float(score)
    return _checked(value, trajectory, key, fail)


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
