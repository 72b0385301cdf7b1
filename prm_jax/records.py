"""Trajectories: a problem, the steps of one attempt at it, and what is known of each step.

The JSONL form is one object a line; docs/data_formats.md lists its fields. Nothing here knows of
tokens or models.
"""

import dataclasses
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from prm_jax.errors import InputError
from prm_jax.files import atomic_write
from prm_jax.json_values import Base64, boolean, dumps, integer, number, simple

TEXT_FIELDS = ("answer", "gold", "id", "group", "source")


class _Place(NamedTuple):
    file: str
    line: int | None = None


class Where(_Place):
    """A place in a file, for messages."""

    label: str | None = None

    def called(self, label):
        """The same place in a file that names call `label`, since its own name alone does not tell
        it from others that are read with it; None for that name."""
        where = Where(*self)
        where.label = label
        return where

    @property
    def file_name(self):
        """The file in names: the same wherever it lies."""
        return self.label or PurePath(self.file).name

    @property
    def name(self):
        """A short name of the place, for rows that bring none of their own."""
        return f"{self.file_name}:{self.line}"

    def error(self, problem, field=None, remedy=None):
        """An `InputError` at this place."""
        return InputError(problem, file=self.file, line=self.line, field=field, remedy=remedy)


@dataclasses.dataclass(frozen=True)
class Trajectory:
    """One attempt at a problem.

    Fields:
        problem: the question.
        steps: the attempt, at least one step, none empty.
        labels: per step a number in [0, 1] (1 right, 0 wrong, between soft) or None (unlabelled);
            None if there are none.
        first_error: index of the first wrong step counted from 0, -1 for none; None if unknown.
        outcome: 1 if the final answer is right, 0 if wrong; None if unknown.
        answer, gold: the attempt's and the true final answer.
        id: names the attempt. group: names the attempts that compete, usually those at one problem.
        source: where it comes from. meta: anything else.
    """

    problem: str
    steps: tuple[str, ...]
    labels: tuple[float | None, ...] | None = None
    first_error: int | None = None
    outcome: float | None = None
    answer: str | None = None
    gold: str | None = None
    id: str | None = None
    group: str | None = None
    source: str | None = None
    meta: dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_dict(cls, row, where):
        """Checks one row.

        Args:
            row: parsed JSON; fields it does not know are kept in `meta`.
            where: `Where` of the row.

        Raises:
            InputError: names the file, line and field.
        """
        if not isinstance(row, dict):
            raise where.error(
                f"a row must be an object, not {type(row).__name__}",
                remedy="give one JSON object a line",
            )
        known = {field.name for field in dataclasses.fields(cls)}
        problem, steps = _text(row, "problem", where, required=True), _steps(row, where)
        meta = row.get("meta")
        if not isinstance(meta, dict | None):
            raise where.error("must be an object", field="meta", remedy="or leave it out")
        extra = {name: value for name, value in row.items() if name not in known}
        trajectory = cls(
            problem=problem,
            steps=steps,
            labels=_labels(row, len(steps), where),
            first_error=_first_error(row, len(steps), where),
            outcome=_outcome(row, where),
            **{name: _text(row, name, where) for name in TEXT_FIELDS},
            meta={**(meta or {}), **extra},
        )
        trajectory._check_agreement(where)
        return trajectory

    def to_dict(self):
        """The JSONL form: a dict without the fields that are empty."""
        row = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        row["steps"] = list(self.steps)
        if self.labels is not None:
            row["labels"] = list(self.labels)
        return {name: value for name, value in row.items() if value is not None and value != {}}

    def step_labels(self):
        """The labels, or what `first_error` implies: 1 before it, 0 at it, None after it.

        Returns:
            tuple of float or None, one per step; all None if neither is known.
        """
        if self.labels is not None:
            return self.labels
        if self.first_error is None:
            return (None,) * len(self.steps)
        if self.first_error == -1:
            return (1.0,) * len(self.steps)
        after = len(self.steps) - self.first_error - 1
        return (1.0,) * self.first_error + (0.0,) + (None,) * after

    def _check_agreement(self, where):
        if self.labels is None or self.first_error is None:
            return
        wrong = [i for i, label in enumerate(self.labels) if label == 0]
        if self.first_error == -1:
            agrees = not wrong
        else:
            at = self.labels[self.first_error]
            agrees = (at is None or at < 1) and not [i for i in wrong if i < self.first_error]
        if not agrees:
            raise where.error(
                f"{self.first_error} contradicts the labels, which are 0 at steps {wrong}",
                field="first_error",
                remedy="drop one of the two fields; steps count from 0",
            )


class Rejects:
    """Collects rows that were refused, for a JSONL file beside the output.

    Args:
        path: the file that `write` makes; nothing is written if nothing was refused.
    """

    def __init__(self, path):
        self.path, self.rows = path, []

    def add(self, error, raw):
        """Keeps an `InputError` and the row (text or parsed) that caused it, as text."""
        # As text, since a refused row may hold what JSON cannot, such as NaN.
        text = raw if isinstance(raw, str) else json.dumps(raw, default=_any_text)
        self.rows.append(
            {"file": str(error.file), "line": error.line, "error": str(error), "row": text}
        )

    def write(self):
        """Writes the file; without refused rows there is none, and an older one is removed."""
        if self.rows:
            write_jsonl(self.path, self.rows)
        else:
            Path(self.path).unlink(missing_ok=True)


def read_jsonl(path, skip_bad=None) -> Iterator[tuple[Where, dict]]:
    """Streams the rows of a JSONL file (plain or .gz); blank lines are passed over.

    Args:
        path: the file.
        skip_bad: a `Rejects` that takes lines which are not UTF-8 or not JSON; None raises at the
            first.

    Yields:
        `(Where, parsed row)`.

    Raises:
        InputError: the file is missing, empty, or has a bad line.
    """
    opener = gzip.open if str(path).endswith(".gz") else open
    try:
        file = opener(path, "rb")
    except (OSError, ValueError) as error:  # ValueError of what cannot be the name of a file
        remedy = "give the path of a JSONL file"
        raise InputError(_reason(error), file=path, remedy=remedy) from error
    seen = False
    with file:
        try:
            for number, raw in enumerate(file, 1):
                raw = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
                if not raw.strip():
                    continue
                seen = True
                where = Where(str(path), number)
                try:
                    yield where, _parse(raw, where)
                except InputError as error:
                    if skip_bad is None:
                        raise
                    skip_bad.add(error, raw.decode("utf-8", "replace").rstrip("\n"))
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(_reason(error), file=path, remedy="is it cut off?") from error
    if not seen:
        raise InputError("the file is empty", file=path, remedy="give one JSON object a line")


def write_jsonl(path, rows):
    """Writes rows, one JSON object a line, atomically.

    Args:
        path: the file.
        rows: iterable of dicts; `Trajectory` objects are written in their JSONL form, values that
            JSON does not know as `json_values` says.

    Raises:
        InputError: a row holds NaN, an infinity, text that is not Unicode or a value without a form
            in JSON; nothing is written.
    """
    with atomic_write(path) as file:
        for number, row in enumerate(rows, 1):
            row = row.to_dict() if isinstance(row, Trajectory) else row
            try:
                file.write(dumps(row) + "\n")
            except ValueError as error:
                raise InputError(f"cannot be written: {error}", file=path, line=number) from error


def _any_text(value):
    try:
        return simple(value)
    except TypeError:
        return str(value)


def _reason(error):
    return (getattr(error, "strerror", None) or str(error)).lower()


def _parse(raw, where):
    try:
        return json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise where.error(
            f"byte {error.start} is not UTF-8", remedy="save the file as UTF-8"
        ) from error
    except ValueError as error:
        raise where.error(f"not JSON: {error}", remedy="give one JSON object a line") from error
    except RecursionError as error:
        raise where.error("not JSON: nested too deeply", remedy="give a flat object") from error


def _text(row, field, where, required=False):
    value = row.get(field)
    if value is None and not required:
        return None
    if value is None:
        raise where.error("is missing", field=field, remedy="give a string")
    if not isinstance(value, str):
        raise where.error(
            f"must be a string, not {type(value).__name__}", field=field, remedy="put it in quotes"
        )
    if isinstance(value, Base64):
        raise _bytes(field, where)
    _check_unicode(value, field, where)
    return str(value)


def _bytes(field, where):
    return where.error(
        "must be a string, not bytes", field=field, remedy="store the column as text (UTF-8)"
    )


def _check_unicode(text, field, where):
    # JSON can spell half of a surrogate pair, which is no text and which tokenizers refuse.
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise where.error(
            f"character {error.start} is half of a surrogate pair",
            field=field,
            remedy="write the whole character",
        ) from error


def _steps(row, where):
    steps = row.get("steps")
    if steps is None:
        raise where.error("is missing", field="steps", remedy="give a list of strings")
    if not isinstance(steps, list):
        raise where.error(
            f"must be a list of strings, not {type(steps).__name__}",
            field="steps",
            remedy='write ["first step", "second step"]',
        )
    if not steps:
        raise where.error("is empty", field="steps", remedy="give at least one step")
    for index, step in enumerate(steps):
        if not isinstance(step, str):
            raise where.error(
                f"must be a string, not {type(step).__name__}",
                field=f"steps[{index}]",
                remedy="put it in quotes",
            )
        if isinstance(step, Base64):
            raise _bytes(f"steps[{index}]", where)
        if not step.strip():
            raise where.error(
                "is an empty step",
                field=f"steps[{index}]",
                remedy="drop it together with its label",
            )
        _check_unicode(step, f"steps[{index}]", where)
    return tuple(steps)


def _labels(row, n_steps, where):
    labels = row.get("labels")
    if labels is None:
        return None
    if not isinstance(labels, list):
        raise where.error(
            f"must be a list, not {type(labels).__name__}",
            field="labels",
            remedy="give one number in [0, 1] or null per step",
        )
    if len(labels) != n_steps:
        raise where.error(
            f"has {len(labels)} entries for {n_steps} steps",
            field="labels",
            remedy="give one number in [0, 1] or null per step",
        )
    return tuple(_label(label, index, where) for index, label in enumerate(labels))


def _label(label, index, where):
    if label is None:
        return None
    value = int(label) if isinstance(label, int) else number(label)
    if value is None:
        raise where.error(
            f"must be a number in [0, 1] or null, not {_kind(label)}",
            field=f"labels[{index}]",
            remedy="1 is right, 0 wrong, null unlabelled",
        )
    if not 0 <= value <= 1:
        raise where.error(
            f"{value} is not in [0, 1]", field=f"labels[{index}]", remedy="use null for unlabelled"
        )
    return float(value)


def _kind(value):
    return value if isinstance(value, float) else type(value).__name__


def _first_error(row, n_steps, where):
    given = row.get("first_error")
    if given is None:
        return None
    index = integer(given)
    if index is None:
        raise where.error(
            f"must be an integer, not {given!r}",
            field="first_error",
            remedy="count steps from 0; -1 is no error",
        )
    if not -1 <= index < n_steps:
        raise where.error(
            f"{index} is not a step of {n_steps}",
            field="first_error",
            remedy="count steps from 0; -1 is no error",
        )
    return index


def _outcome(row, where):
    outcome = row.get("outcome")
    if outcome is None:
        return None
    value = boolean(outcome)
    if value is None:
        raise where.error(
            f"must be 0, 1 or null, not {outcome!r}",
            field="outcome",
            remedy="1 if the final answer is right",
        )
    return float(value)
