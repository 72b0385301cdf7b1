"""Where trajectories come from: files in any known format, or problems made by program.

A source is named by one line, so that a command line can hold it:

    PATH[?option=value&...]                             weight, format, and the format's own options
    synthetic:FAMILY[+FAMILY...][?option=value&...]     weight, and options of `make_trajectories`

Several sources are separated by commas.
"""

import dataclasses
import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any

from prm_jax import formats
from prm_jax.data.synthetic import make_trajectories
from prm_jax.errors import InputError
from prm_jax.records import Rejects, Trajectory

SYNTHETIC = "synthetic:"


@dataclasses.dataclass(frozen=True)
class Source:
    """One source of trajectories.

    Fields:
        name: the line it was written as.
        path: file, directory or glob; or families joined by '+' when `synthetic`.
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
    if source.synthetic:
        known = set(inspect.signature(make_trajectories).parameters) - {"family"}
        if unknown := sorted(set(source.options) - known):
            raise InputError(
                f"unknown options {unknown} of {source.name!r}",
                field="data",
                remedy=f"known are {', '.join(sorted(known))}",
            )
        if missing := sorted({"n", "seed"} - set(source.options)):
            raise InputError(f"{source.name!r} lacks {' and '.join(missing)}", field="data")
        trajectories = make_trajectories(source.path.split("+"), **source.options)
    else:
        trajectories = formats.read(source.path, skip_bad=skip_bad, **source.options)
    if not trajectories:
        raise InputError("no trajectories", file=source.name)
    return trajectories


def split_by_problem(trajectories: Sequence[Trajectory], fraction: float):
    """Splits trajectories so that no problem is on both sides.

    A problem's side follows from the SHA-256 of its text alone, so it does not change when others
    are added.

    Args:
        trajectories: sequence of `Trajectory`.
        fraction: share of the problems, in expectation, that goes to the second part, in [0, 1).

    Returns:
        `(kept, held_out)`, lists in the order given.
    """
    if not 0 <= fraction < 1:
        raise InputError(f"{fraction} is not in [0, 1)", field="data.validation_fraction")
    kept: list[Trajectory] = []
    held_out: list[Trajectory] = []
    for trajectory in trajectories:
        digest = hashlib.sha256(trajectory.problem.strip().encode()).digest()
        is_held_out = int.from_bytes(digest[:8], "big") < fraction * 2**64
        (held_out if is_held_out else kept).append(trajectory)
    return kept, held_out


def fingerprint(trajectories: Sequence[Trajectory]) -> str:
    """SHA-256, in hex, of the trajectories' JSON forms in their order."""
    digest = hashlib.sha256()
    for trajectory in trajectories:
        row = json.dumps(trajectory.to_dict(), sort_keys=True, ensure_ascii=False, default=str)
        digest.update(row.encode() + b"\n")
    return digest.hexdigest()


def _parse(text, defaults):
    synthetic = text.startswith(SYNTHETIC)
    path, _, query = text.removeprefix(SYNTHETIC).partition("?")
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
