"""Where trajectories come from: files in any known format, or problems made by program.

A source is named by one line, so that a command line can hold it:

    PATH[?option=value&...]                             weight, format, and the format's own options
    synthetic:FAMILY[+FAMILY...][?option=value&...]     weight, and options of `make_trajectories`
    gsm8k_errors:PATH[?option=value&...]                weight, and options of `corrupt_gsm8k`

Several sources are separated by commas. Any source may leave out problems that another set has,
such as a benchmark: `exclude=PATH` those with the same text, `exclude_near=0.7` near duplicates too
(see `overlap.py`).
"""

import dataclasses
import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any

from absl import logging

from prm_jax import formats
from prm_jax.data.overlap import normalize, remove_duplicates
from prm_jax.errors import InputError
from prm_jax.json_values import number
from prm_jax.records import Rejects, Trajectory

SYNTHETIC = "synthetic:"
GSM8K_ERRORS = "gsm8k_errors:"
PROBLEM_FIELDS = ("problem", "question", "prompt")  # of rows that hold no solution


@dataclasses.dataclass(frozen=True)
class Source:
    """One source of trajectories.

    Fields:
        name: the line it was written as.
        path: file, directory or glob; or families joined by '+' after `synthetic:`.
        synthetic: whether the trajectories are made by program.
        weight: its share among the sources when they are mixed; None if it names none.
        options: passed to the reader or generator.
    """

    name: str
    path: str
    synthetic: bool
    weight: float | None
    options: dict[str, Any]


def parse_sources(line: str, defaults: Mapping[str, Any] | None = None) -> list[Source]:
    """Reads a line of sources.

    Args:
        line: as the module's docstring says.
        defaults: options for every file source that does not set them itself.

    Returns:
        The sources, in order.

    Raises:
        InputError: for an option without a value, a weight that is not positive, or weights given
            to some of the sources only.
    """
    sources = [_parse(part.strip(), defaults or {}) for part in line.split(",") if part.strip()]
    if 0 < sum(source.weight is not None for source in sources) < len(sources):
        raise InputError(
            "some sources have a weight and others have none",
            field="data",
            remedy="give all of them a weight, or none to use every trajectory once an epoch",
        )
    return sources


def check_sources(*lines: str, defaults: Mapping[str, Any] | None = None) -> None:
    """Raises `InputError` for what can be refused before anything is read.

    That is a line that is wrong, a file that is not there, an unknown format.

    Args:
        *lines: as `parse_sources` takes them; an empty one has no source.
        defaults: options for every file source that does not set them itself.
    """
    for line in lines:
        for source in parse_sources(line, defaults):
            options = {k: v for k, v in source.options.items() if k in ("format", "after_error")}
            if source.name.startswith(GSM8K_ERRORS):
                formats.check_readable(source.path)
            elif not source.synthetic:
                formats.check_readable(source.path, **options)
            if exclude := source.options.get("exclude"):
                check_sources(str(exclude))


def read_source(source: Source, skip_bad: Rejects | None = None) -> list[Trajectory]:
    """Reads or makes the trajectories of a source.

    Args:
        source: as `parse_sources` gives it.
        skip_bad: takes refused rows; None raises at the first.

    Returns:
        The trajectories in their order, at least one.

    Raises:
        InputError: from the reader, for an option that is not known, or if there is none.
    """
    exclude, threshold = source.options.get("exclude"), source.options.get("exclude_near")
    rest = {k: v for k, v in source.options.items() if k not in ("exclude", "exclude_near")}
    trajectories = _read(dataclasses.replace(source, options=rest), skip_bad)
    if threshold is not None and not 0 < (number(threshold) or 0) <= 1:
        raise InputError(
            f"the threshold {threshold!r} is not in (0, 1]",
            field="exclude_near",
            remedy="give a number such as 0.7",
        )
    if exclude is not None:
        others = read_problems(str(exclude), skip_bad)
        trajectories, removed = remove_duplicates(trajectories, others, threshold)
        logging.warning(
            "%s: %d of %d trajectories are left out, their problems are in %s",
            source.name,
            len(removed),
            len(removed) + len(trajectories),
            exclude,
        )
    elif threshold is not None:
        raise InputError(
            f"{source.name!r} names no set", field="data", remedy="add exclude=PATH to exclude_near"
        )
    if not trajectories:
        raise InputError("no trajectories", file=source.name)
    return trajectories


def read_problems(line: str, skip_bad: Rejects | None = None) -> list[str]:
    """The problem texts of sources, one for each row.

    Args:
        line: sources; a file that fits no format of solutions may have one problem a row, in a
            field named in PROBLEM_FIELDS.
        skip_bad: takes refused rows, whose problems are not among the texts; None raises at the
            first.

    Returns:
        The texts in their order, as they are written.

    Raises:
        InputError: as `read_source`, or a row has no such field.
    """
    found: list[str] = []
    for source in parse_sources(line):
        for file in [source.path] if source.synthetic else formats.files(source.path):
            if not source.synthetic and not source.options and _holds_problems_only(file):
                found += _bare_problems(file, skip_bad)
            else:
                part = dataclasses.replace(source, path=file)
                found += [trajectory.problem for trajectory in read_source(part, skip_bad)]
    return found


def _read(source, skip_bad):
    if source.synthetic:
        corrupts = source.name.startswith(GSM8K_ERRORS)
        program = _program(corrupts)
        _, *known = inspect.signature(program).parameters
        if unknown := sorted(set(source.options) - set(known)):
            raise InputError(
                f"unknown options {unknown} of {source.name!r}",
                field="data",
                remedy=f"known are {', '.join(sorted(known))}",
            )
        if missing := sorted(set(known[:2]) - set(source.options)):
            raise InputError(f"{source.name!r} lacks {' and '.join(missing)}", field="data")
        given: Any = source.path.split("+")
        if corrupts:
            given = formats.read(source.path, "gsm8k", skip_bad)
        return program(given, **source.options)
    return formats.read(source.path, skip_bad=skip_bad, **source.options)


def _program(corrupts) -> Any:
    """What makes trajectories; imported here, as no other source needs it."""
    if corrupts:
        from prm_jax.data.gsm8k import corrupt_gsm8k

        return corrupt_gsm8k
    from prm_jax.data.synthetic import make_trajectories

    return make_trajectories


def _holds_problems_only(file):
    _, row = next(formats.rows(file, Rejects("")), (None, None))
    if not isinstance(row, dict) or formats.detected(row):
        return False
    return any(isinstance(row.get(field), str) for field in PROBLEM_FIELDS)


def _bare_problems(file, skip_bad):
    for where, row in formats.rows(file, skip_bad):
        fields = row if isinstance(row, dict) else {}
        texts = [fields[name] for name in PROBLEM_FIELDS if isinstance(fields.get(name), str)]
        if texts:
            yield texts[0]
            continue
        error = where.error("holds no problem", remedy=f"give it in {' or '.join(PROBLEM_FIELDS)}")
        if skip_bad is None:
            raise error
        skip_bad.add(error, row)


def split_by_problem(trajectories: Sequence[Trajectory], fraction: float):
    """Splits trajectories so that no problem is on both sides.

    A problem's side follows from the SHA-256 of its normalised text alone (`overlap.normalize`), so
    it changes neither when others are added nor with case, spacing or marks of mathematics.

    Args:
        trajectories: sequence of `Trajectory`.
        fraction: share of the problems, in expectation, that goes to the second part, in [0, 1).

    Returns:
        `(kept, held_out)`, lists in the order given.
    """
    check_fraction(fraction)
    kept: list[Trajectory] = []
    held_out: list[Trajectory] = []
    for trajectory in trajectories:
        (held_out if is_held_out(trajectory.problem, fraction) else kept).append(trajectory)
    return kept, held_out


def check_fraction(fraction: float):
    """Raises `InputError` for a share of held-out problems that cannot be."""
    if not 0 <= fraction < 1:
        raise InputError(f"{fraction} is not in [0, 1)", field="data.validation_fraction")


def is_held_out(problem: str, fraction: float) -> bool:
    """The side of a problem, as `split_by_problem` has it."""
    digest = hashlib.sha256(normalize(problem).encode()).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2**64


def fingerprint(trajectories: Sequence[Trajectory]) -> str:
    """SHA-256, in hex, of the trajectories' JSON forms in their order."""
    digest = hashlib.sha256()
    for trajectory in trajectories:
        row = json.dumps(trajectory.to_dict(), sort_keys=True, ensure_ascii=False, default=str)
        digest.update(row.encode() + b"\n")
    return digest.hexdigest()


def _parse(text, defaults):
    synthetic = text.startswith((SYNTHETIC, GSM8K_ERRORS))
    path, _, query = text.removeprefix(SYNTHETIC).removeprefix(GSM8K_ERRORS).partition("?")
    options = {} if synthetic else dict(defaults)
    for pair in filter(None, query.split("&")):
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise InputError(
                f"{pair!r} in {text!r} is no option", field="data", remedy="write option=value"
            )
        options[key] = _value(value)
    weight = options.pop("weight", None)
    if weight is not None and (isinstance(weight, str | bool) or not weight > 0):
        raise InputError(f"weight {weight!r} in {text!r} is no positive number", field="data")
    return Source(text, path, synthetic, weight, options)


def _value(text):
    """A number or a truth value where the text is one in JSON, else the text itself."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text
