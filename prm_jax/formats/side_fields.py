"""Fields that stand beside problem, steps and labels under our own names, in formats that leave
room for them."""

KNOWN = ("outcome", "answer", "gold", "id", "group", "source")


def from_row(row, *used):
    """Fields of a `Trajectory` from a row's own; what neither is known nor used goes to `meta`.

    Args:
        row: parsed JSON.
        used: names of the fields that the format reads itself.
    """
    fields = {name: row[name] for name in KNOWN if name in row}
    rest = set(row) - set(KNOWN) - set(used) - {"meta"}
    return {**fields, "meta": {name: value for name, value in row.items() if name in rest}}


def to_row(trajectory):
    """The fields of a row that a trajectory has."""
    values = {name: getattr(trajectory, name) for name in KNOWN}
    return {name: value for name, value in values.items() if value is not None}
