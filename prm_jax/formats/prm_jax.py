"""Our own JSONL: one trajectory a line (docs/data_formats.md)."""

from prm_jax.records import Trajectory

NAME = "prm_jax"


def detect(row):
    """Whether a row looks like this format."""
    own = "problem" in row and "steps" in row and "final_answer_correct" not in row
    return own and not isinstance(row["problem"], dict)


def read(row, where):
    """One trajectory a row."""
    return [Trajectory.from_dict(row, where)]


def write(trajectory):
    """The row of a trajectory."""
    return trajectory.to_dict()
