"""Trajectories to be scored, each with an id that its scores can be found by."""

import collections
import dataclasses

from prm_jax import formats
from prm_jax.errors import InputError
from prm_jax.records import Rejects, Trajectory


def read_identified(
    path,
    format: str = "auto",
    skip_bad: Rejects | None = None,
    remarks: formats.Remarks | None = None,
    **options,
) -> list[Trajectory]:
    """Reads trajectories and gives an id to those without one.

    The id is made of the file and the line, `set.jsonl:7`, so it is the same whenever the file is
    read, from wherever. Of files of the same name it has as much of their paths as tells them
    apart. If a line holds several trajectories without an id, `set.jsonl:7/1` and so on follow.

    Args:
        path: as in `formats.read`.
        format: as in `formats.read`.
        skip_bad: takes refused rows; None raises at the first.
        remarks: takes what the format remarks on rows.
        **options: of the format.

    Returns:
        In file order; a row of candidates gives one trajectory a candidate.

    Raises:
        InputError: as `formats.read`; or the rows hold no solution.
    """
    trajectories = []
    seen: collections.Counter[tuple] = collections.Counter()
    for where, trajectory in formats.iterate(path, format, skip_bad, remarks=remarks, **options):
        if trajectory.id is None:
            part = seen[where]
            seen[where] += 1
            name = where.name + (f"/{part}" if part else "")
            trajectory = dataclasses.replace(trajectory, id=name)
        trajectories.append(trajectory)
    if not trajectories:
        raise InputError("holds no solution", file=path)
    return trajectories
