"""Responses in the layout that Qwen2.5-Math-PRM reads (arXiv:2501.07301): `<extra_0>` after every
step, with one label for each tag.

The tag is also that of ReasonFlux-PRM-7B. UNSURE: the published layout is that of the model's
input; Qwen's training rows are not public, so the names of the fields are options of ours.
"""

from prm_jax.errors import InputError
from prm_jax.formats import side_fields
from prm_jax.records import Trajectory

NAME = "qwen_prm"
TAG = "<extra_0>"


def detect(row):
    """Whether a row looks like this format."""
    return isinstance(row.get("response"), str) and TAG in row["response"] and "problem" in row


def read(row, where, problem="problem", response="response", labels="labels", tag=TAG):
    """One trajectory a row; white space around tags is not kept.

    Text after the last tag becomes a step without a label, as no score is read there.

    Args:
        row: parsed JSON.
        where: its place.
        problem, response, labels: names of the fields; rows without labels are read too.
        tag: what ends a step.
    """
    if not isinstance(tag, str) or not tag:
        raise InputError("must be a text", field="tag", remedy=f"such as {TAG}")
    text, values = row.get(response), row.get(labels)
    if not isinstance(text, str) or tag not in text:
        raise where.error(f"must be a string with {tag} after every step", field=response)
    *steps, rest = [piece.strip() for piece in text.split(tag)]
    if values is not None and (not isinstance(values, list) or len(values) != len(steps)):
        found = len(values) if isinstance(values, list) else "no"
        raise where.error(f"has {found} entries for {len(steps)} tags", field=labels)
    if rest:
        steps, values = [*steps, rest], values and [*values, None]
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
        ValueError: a step holds the tag.
    """
    if any(TAG in step for step in trajectory.steps):
        raise ValueError(f"a step holds the tag {TAG}")
    return {
        "problem": trajectory.problem,
        "response": "".join(step + TAG for step in trajectory.steps),
        "labels": list(trajectory.step_labels()),
        **side_fields.to_row(trajectory),
    }
