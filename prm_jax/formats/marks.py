"""Marks of steps, as several formats write them."""

import re

from prm_jax.json_values import integer, number

SIGNS = {"+": 1.0, "-": 0.0}


def label(mark, where, field):
    """The label that a mark stands for.

    Args:
        mark: "+" or "-", true or false, a number in [0, 1], or null.
        where: its place.
        field: its name, for the message.

    Returns:
        float in [0, 1], None for null.

    Raises:
        InputError: it is something else.
    """
    if mark is None:
        return None
    if isinstance(mark, str) and mark.strip() in SIGNS:
        return SIGNS[mark.strip()]
    found = float(mark) if isinstance(mark, bool) else number(mark)
    if found is not None and 0 <= found <= 1:
        return float(found)
    raise where.error(
        f"{mark!r} is neither + nor - nor a number in [0, 1]",
        field=field,
        remedy="null stands for an unlabelled step",
    )


def labels(marks, where, field):
    """The labels of a list of marks; one mark that is no list is a list of one."""
    marks = marks if isinstance(marks, list) else [marks]
    return [label(mark, where, f"{field}[{i}]") for i, mark in enumerate(marks)]


def first_error(mark, n_steps, where, field):
    """The index, from 0, of the first wrong step that a mark names by its number, from 1.

    Args:
        mark: a number, a text such as "2" or "Step 2", or "N/A", empty or null for none.
        n_steps: how many steps there are.
        where: its place.
        field: its name, for the message.

    Returns:
        int, None where the mark names none.

    Raises:
        InputError: it names no step of the solution.
    """
    named = str(mark).strip().lower().removeprefix("step").strip(" .:")
    if named in ("n/a", "na", "none", "null", "nan", ""):
        return None
    index = integer(mark)
    if index is None and re.fullmatch(r"\d{1,6}(\.0*)?", named):  # tables write 2 as 2.0
        index = int(named.partition(".")[0])
    if index is None or not 1 <= index <= n_steps:
        raise where.error(
            f"{mark!r} is not a step of {n_steps}", field=field, remedy="steps count from 1"
        )
    return index - 1
