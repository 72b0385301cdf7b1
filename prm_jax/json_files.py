"""Reading JSON files that hold one object: records, configurations, indices.

What is damaged is an `InputError` with file, line or field, and what to do.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, TypeAlias

from prm_jax.errors import InputError

Kinds: TypeAlias = Mapping[str, type | tuple[type, ...]]
"""{field: what its value may be}, types as `json` gives them."""
FETCH = "fetch the file again"
WORDS: Mapping[type, str] = {
    bool: "true or false",
    dict: "an object",
    float: "a number",
    int: "an integer",
    list: "a list",
    str: "a text",
    NoneType: "null",
}


def read_json(
    path,
    kinds: Kinds | None = None,
    *,
    optional: bool = False,
    remedy: str | None = FETCH,
) -> dict[str, Any]:
    """The JSON object in a file.

    Args:
        path: the file.
        kinds: as in `require_kinds`.
        optional: whether nothing in its place stands for {}, whose fields are not looked at.
        remedy: what to do where the file is damaged.

    Raises:
        InputError: there is no such file, or it holds no object, or a field is of another kind.
    """
    text = read_text(path, optional=optional, remedy=remedy)
    if text is None:
        return {}
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"is not JSON: {error.msg}", file=path, line=error.lineno, remedy=remedy
        ) from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, lists in lists
        raise InputError(
            f"is not JSON that can be read: {error}", file=path, remedy=remedy
        ) from error
    if not isinstance(values, dict):
        raise InputError("is not a JSON object", file=path, remedy=remedy)
    require_kinds(values, kinds or {}, path, remedy=remedy)
    return values


def read_text(path, *, optional: bool = False, remedy: str | None = FETCH) -> str | None:
    """The UTF-8 text of a file; None where nothing is in its place and that is allowed.

    Raises:
        InputError: there is no such file, or it cannot be read, or is no text.
    """
    if optional and not os.path.lexists(path):
        return None
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError("no such file", file=path) from error
    except IsADirectoryError as error:
        raise InputError("is a directory and should be a file", file=path, remedy=remedy) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"cannot be read: {reason}", file=path, remedy=remedy) from error
    except ValueError as error:  # not UTF-8, or a name that no file has
        raise InputError(f"is not a UTF-8 text: {error}", file=path, remedy=remedy) from error


def require_kinds(
    values: Mapping[str, Any],
    kinds: Kinds,
    file,
    *,
    within: str = "",
    remedy: str | None = FETCH,
) -> None:
    """Raises `InputError` for a field that is missing or of another kind.

    Args:
        values: the object.
        kinds: of its fields. One that may be null may be missing; an integer is a number too, true
            and false are not.
        file: where it comes from, for messages.
        within: name of the field that holds the object.
        remedy: what to do.
    """
    for field, of in kinds.items():
        value, allowed = values.get(field), of if isinstance(of, tuple) else (of,)
        if not _is_one_of(value, allowed):
            wanted = " or ".join(WORDS[kind] for kind in allowed)
            raise InputError(
                "is missing" if field not in values else f"is {value!r} and should be {wanted}",
                file=file,
                field=f"{within}.{field}" if within else field,
                remedy=remedy,
            )


def _is_one_of(value, kinds: Iterable[type]) -> bool:
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, (*kinds, int) if float in kinds else tuple(kinds))
