"""ProcessBench (arXiv:2412.06559): `label` is the index of the earliest wrong step counted from 0,
or -1 for none.

Nothing is said of the steps after the first error, so they stay unlabelled. Other fields, such as
stored scores of published models, are kept in `meta`.
"""

from prm_jax.records import Trajectory

NAME = "processbench"


def detect(row):
    """Whether a row looks like this format."""
    return "steps" in row and "label" in row and "final_answer_correct" in row


def read(row, where):
    """One trajectory a row; `split` becomes the source."""
    fields = dict(row)
    label, correct = fields.pop("label", None), fields.pop("final_answer_correct", None)
    if isinstance(label, bool) or not isinstance(label, int):
        raise where.error(f"must be an integer, not {label!r}", field="label")
    if not isinstance(correct, bool | None):
        raise where.error(f"must be true or false, not {correct!r}", field="final_answer_correct")
    fields |= {"first_error": label, "outcome": correct}
    fields.setdefault("source", fields.get("split"))
    return [Trajectory.from_dict(fields, where)]


def write(trajectory):
    """The row of a trajectory whose first error and outcome are known.

    Raises:
        ValueError: one of the two is unknown.
    """
    if trajectory.first_error is None or trajectory.outcome is None:
        raise ValueError("ProcessBench rows need first_error and outcome")
    return {
        "id": trajectory.id,
        "split": trajectory.source,
        **trajectory.meta,
        "problem": trajectory.problem,
        "steps": list(trajectory.steps),
        "final_answer_correct": bool(trajectory.outcome),
        "label": trajectory.first_error,
    }
