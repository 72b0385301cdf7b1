"""Candidate files: a problem with N solutions that compete, for best-of-N.

`regraded` is believed over `correct` where both are there. Stored scores are kept in
`meta['scores']`.
"""

from prm_jax.records import Trajectory

NAME = "candidates"


def detect(row):
    """Whether a row looks like this format."""
    return isinstance(row.get("candidates"), list)


def read(row, where):
    """One trajectory a candidate; the row's id is their group."""
    if not row["candidates"]:
        raise where.error("is empty", field="candidates")
    group = str(row.get("id", where.line))
    found = []
    for index, candidate in enumerate(row["candidates"]):
        if not isinstance(candidate, dict):
            raise where.error("must be an object", field=f"candidates[{index}]")
        fields = {name: v for name, v in candidate.items() if name not in ("regraded", "correct")}
        outcome = candidate.get("regraded", candidate.get("correct"))
        if outcome is not None:
            fields["outcome"] = int(outcome) if isinstance(outcome, bool) else outcome
        fields |= {"problem": row.get("problem"), "gold": row.get("gold"), "group": group}
        fields.setdefault("id", f"{group}/{index}")
        found.append(Trajectory.from_dict(fields, where))
    return found
