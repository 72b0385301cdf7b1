"""Trajectories to be scored, each with an id that its scores can be found by."""

import collections
import dataclasses
import hashlib
import json
from collections.abc import Sequence

from absl import logging

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
    trajectories, again = [], []
    places: dict[str | None, str] = {}
    seen: collections.Counter[tuple] = collections.Counter()
    for where, trajectory in formats.iterate(path, format, skip_bad, remarks=remarks, **options):
        if trajectory.id is None:
            part = seen[where]
            seen[where] += 1
            name = where.name + (f"/{part}" if part else "")
            trajectory = dataclasses.replace(trajectory, id=name)
        trajectories.append(trajectory)
        if trajectory.id in places:
            again.append(where.name)
        else:
            places[trajectory.id] = where.name
    if again:
        logging.warning(
            "%d of %d solutions have an id that another has, the first in %s",
            len(again),
            len(trajectories),
            again[0],
        )
    if not trajectories:
        raise InputError("holds no solution", file=path)
    return trajectories


def solutions_sha256(trajectories: Sequence[Trajectory]) -> str:
    """SHA-256, in hex, of problems and steps, which is all of the rows that scores depend on."""
    digest = hashlib.sha256()
    for trajectory in trajectories:
        digest.update(json.dumps([trajectory.problem, *trajectory.steps]).encode() + b"\n")
    return digest.hexdigest()
