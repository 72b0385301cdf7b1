"""OpenRLHF's process reward data: `input` with the tag "ки" after every step, and `value`, a list
with one label a tag ("+" or "-", or numbers in [0, 1]).

Source: OpenRLHF's ProcessRewardDataset, which puts the i-th entry at the i-th placeholder token and
lets the fields be named (`--input_key`, `--label_key`); `label` is read in the place of `value`.
"""

from prm_jax.formats import tagged
from prm_jax.records import Trajectory

NAME = "openrlhf"


def detect(row):
    """Whether a row looks like this format."""
    if not isinstance(row.get("input"), str) or isinstance(row.get("label"), str):
        return False
    value = row.get("value")
    one = isinstance(value, bool | int | float) and tagged.TAG in row["input"]
    return one or isinstance(value, list) or isinstance(row.get("label"), list)


def read(row, where, joiner=None):
    """One trajectory a row; "Step i:" headers are kept out of the steps.

    Args:
        row: parsed JSON.
        where: its place.
        joiner: regex of what stands between question and first step, for rows that show neither a
            "Step 1:" nor a question mark.
    """
    values = "label" if row.get("value") is None and "label" in row else "value"
    return [Trajectory.from_dict(tagged.read(row, where, NAME, "input", values, joiner), where)]


def write(trajectory):
    """The row of a fully labelled trajectory: signs, or numbers if any label is soft.

    Raises:
        ValueError: a step has no label or the text holds a tag.
    """
    labels = trajectory.step_labels()
    text = tagged.write(trajectory, lambda i: tagged.TAG)
    hard = all(label in (0, 1) for label in labels)
    return {"input": text, "value": ["-+"[int(x)] for x in labels] if hard else list(labels)}
