"""Rows in the layout that Skywork-o1-Open-PRM scores: a problem, a response with a step a line.

The model reads a score at the end of every line, of empty ones too. UNSURE: that is the layout of
its input; the rows it was trained on are not public, so the labels' field is an option of ours.
"""

from prm_jax.formats import side_fields
from prm_jax.formats.qwen_prm import TAG
from prm_jax.records import Trajectory

NAME = "skywork"


def detect(row):
    """Whether a row looks like this format."""
    response = row.get("response")
    return (
        "problem" in row
        and "steps" not in row
        and isinstance(response, str)
        and (TAG not in response)
    )


def read(row, where, problem="problem", response="response", labels="labels"):
    """One trajectory a row; empty lines are no steps.

    Args:
        row: parsed JSON.
        where: its place.
        problem, response, labels: names of the fields; labels are one a line, with or without the
            empty ones, and may be missing.
    """
    text, values = row.get(response), row.get(labels)
    if not isinstance(text, str) or not text.strip():
        raise where.error("must be a string that is not empty", field=response)
    lines = [line.strip() for line in text.split("\n")]
    steps = [line for line in lines if line]
    if isinstance(values, list) and len(values) == len(lines):
        values = [value for line, value in zip(lines, values) if line]
    if values is not None and (not isinstance(values, list) or len(values) != len(steps)):
        found = len(values) if isinstance(values, list) else "no"
        raise where.error(f"has {found} entries for {len(steps)} lines", field=labels)
    fields = {
        **side_fields.from_row(row, problem, response, labels),
        "problem": row.get(problem),
        "steps": steps,
        "labels": values,
    }
    return [Trajectory.from_dict(fields, where)]


def write(trajectory):
    """The row of a trajectory; unlabelled steps have null.

    Raises:
        ValueError: a step has several lines.
    """
    if any("\n" in step for step in trajectory.steps):
        raise ValueError("a step has several lines")
    return {
        "problem": trajectory.problem,
        "response": "\n".join(trajectory.steps),
        "labels": list(trajectory.step_labels()),
        **side_fields.to_row(trajectory),
    }
