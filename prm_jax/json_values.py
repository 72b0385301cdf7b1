"""What a row may hold: one way to say in JSON what files and arrays hold beside it.

| value | becomes |
| --- | --- |
| a date, time or timestamp | ISO 8601 text: 2022-07-30T14:39:03, with the offset if it has a zone |
| a duration | ISO 8601 text in seconds: PT90.5S |
| a decimal number | text, all its digits; `number` and `integer` read it as a number |
| bytes | base64 text, which no field that needs text takes (`Base64`) |
| NaN, NaT | null; an infinity is refused |
| a numpy number or array, a tuple, a set | a number, list, list, list (a set's is sorted) |
| a mapping | an object if its keys are text or numbers, else a list of pairs |
| a UUID, a path | text |
"""

import base64
import datetime
import decimal
import json
import math
import pathlib
import sys
import uuid
from collections.abc import Mapping, Set
from types import NoneType
from typing import Any

import numpy as np


class Base64(str):
    """Text that stands for bytes."""


class Digits(str):
    """Text that stands for a decimal number."""


def plain(row, where) -> Any:
    """A row, or any value of one, as JSON has it, by the table above.

    Args:
        row: anything.
        where: its `Where`.

    Raises:
        InputError: it holds an infinity, or a value of another kind, and names the field; or it is
            nested too deeply.
    """
    try:
        return _plain(row, where, None)
    except RecursionError as error:
        raise where.error("is nested too deeply", remedy="give a flat object") from error


def _plain(value, where, path):
    """`path` is `(path of what holds the value, key or index there)`, None for the row itself."""
    kind = type(value)
    if kind in (str, int, bool, NoneType, Base64, Digits):
        return value
    if kind is float:
        if math.isfinite(value):
            return value
        if math.isnan(value):
            return None
        raise where.error(f"{value} is no number of JSON", field=_field(path), remedy="use null")
    if kind in (list, tuple):
        return [_plain(item, where, (path, index)) for index, item in enumerate(value)]
    if kind is dict:
        if all(isinstance(key, str | int | float) for key in value):
            return {str(key): _plain(item, where, (path, key)) for key, item in value.items()}
        return _plain(list(value.items()), where, path)
    try:
        other = simple(value)
    except TypeError as error:
        raise where.error(str(error), field=_field(path), remedy="leave it out") from error
    return _plain(other, where, path)


def _field(path):
    """The name of a field, such as `label.steps[3].rating`."""
    parts = []
    while path:
        path, key = path
        parts.append(f"[{key}]" if isinstance(key, int) else f".{key}")
    return "".join(reversed(parts)).removeprefix(".") or None


def simple(value) -> Any:
    """What one value that JSON does not know stands as; the `default` of `json.dumps`.

    Raises:
        TypeError: it is of no kind in the table above.
    """
    if isinstance(value, decimal.Decimal):
        return Digits(format(value, "f")) if value.is_finite() else float(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return Base64(base64.b64encode(value).decode("ascii"))
    if isinstance(value, datetime.timedelta):
        microseconds = value // datetime.timedelta(microseconds=1)
        return duration(microseconds, 10**6)
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        # pandas' NaT is a datetime that does not equal itself.
        return value.isoformat() if value == value else None
    if isinstance(value, np.ndarray):
        return list(value) if value.dtype.kind in "mM" and value.ndim else value.tolist()
    if isinstance(value, np.generic):
        return _from_numpy(value)
    if isinstance(value, Set):
        return sorted(value, key=lambda item: (type(item).__name__, item))
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, uuid.UUID | pathlib.PurePath):
        return str(value)
    bases: tuple[Any, ...] = (str, int, float, list, tuple)
    for kind in bases:  # of subclasses, such as enumerations
        if isinstance(value, kind):
            return kind(value)
    if type(value).__name__ == "NAType":  # pandas' null, which needs no import to be known
        return None
    raise TypeError(f"a value of type {type(value).__name__} has no form in JSON")


def dumps(row) -> str:
    """A row as one line of JSON.

    Raises:
        ValueError: it holds NaN, an infinity, or a value of no kind in the table above.
    """
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False, default=simple)
    except TypeError as error:
        raise ValueError(str(error)) from error


def duration(count: int, per_second: int) -> str:
    """The text of a duration of `count` units, of which a second has `per_second`."""
    seconds, rest = divmod(abs(count), per_second)
    fraction = f".{rest:0{len(str(per_second)) - 1}d}".rstrip("0") if rest else ""
    return f"{'-' if count < 0 else ''}PT{seconds}{fraction}S"


def integer(value) -> int | None:
    """The integer that a value stands for: an int, a whole float (-1.0, as integers beside nulls
    are often written) or a whole decimal; None if it is none. Truth values are none.
    """
    found = number(value)
    if found is None or isinstance(found, float) and not found.is_integer():
        return None
    return int(found)


def number(value) -> int | float | None:
    """The finite number that a value stands for, None if it is none. Truth values are none."""
    if isinstance(value, Digits):
        value = float(value)
    elif isinstance(value, np.number):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) <= sys.float_info.max else None  # integers have no such bound


def boolean(value) -> bool | None:
    """The truth value that a value stands for: a bool, or 0 or 1 in any kind of number; None if it
    is none.
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    found = number(value)
    return None if found is None or found not in (0, 1) else bool(found)


def name(value) -> str | None:
    """The text of an id that may be a number: 12 and 12.0 are '12'; None for null."""
    if value is None or isinstance(value, str):
        return value
    whole = integer(value)
    return str(value if whole is None else whole)


def iso(value: np.datetime64) -> str:
    """The text of a numpy time, its fraction in six or nine digits, none where it is whole."""
    text = np.datetime_as_string(value)
    whole, dot, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    if not dot or not fraction:
        return whole
    return f"{whole}.{fraction:0<{6 if len(fraction) <= 6 else 9}}"


def _from_numpy(value):
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else iso(value)
    if isinstance(value, np.timedelta64):
        nanoseconds = value.astype("timedelta64[ns]").astype(np.int64)
        return None if np.isnat(value) else duration(int(nanoseconds), 10**9)
    if isinstance(value, np.floating):
        return float(value)
    if isinstance(value, np.integer | np.bool_ | np.str_ | np.bytes_):
        return value.item()
    raise TypeError(f"a value of type {type(value).__name__} has no form in JSON")
