"""Candidate files: a problem with several solutions that compete, for best-of-N.

`regraded` is believed over `correct` where both are there. Stored scores stay in `meta['scores']`.
"""

from prm_jax.json_values import name
from prm_jax.records import Trajectory

NAME = "candidates"


def detect(row):
    """Whether a row looks like this format."""
    return isinstance(row.get("candidates"), list) and row.get("problem_id") is None


def read(row, where):
    """One trajectory a candidate; the row's id is their group, its other fields go to `meta`."""
    candidates = row.get("candidates")
    if not isinstance(candidates, list) or not candidates:
        raise where.error("must be a list with at least one candidate", field="candidates")
    group = name(row.get("id")) or where.name
    shared = {k: v for k, v in row.items() if k not in ("id", "problem", "gold", "candidates")}
    found = []
    for index, candidate in enumerate(candidates):
        if not isinstance(candidate, dict):
            raise where.error("must be an object", field=f"candidates[{index}]")
        fields = {**shared, **candidate}
        graded = candidate.get("regraded")
        graded = candidate.get("correct") if graded is None else graded
        fields |= {"problem": row.get("problem"), "gold": row.get("gold"), "group": group}
        if fields.get("outcome") is None:
            fields["outcome"] = graded
        fields["id"] = name(fields.get("id")) or f"{group}/{index}"
        found.append(Trajectory.from_dict(fields, where))
    return found
