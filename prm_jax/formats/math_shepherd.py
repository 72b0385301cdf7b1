"""Math-Shepherd (Wang et al., arXiv:2312.08935): `input` with a tag after every step, and `label`,
the same text with + or - in the tags' places.

The two strings are not aligned by index, because tag and sign differ in length: both are walked
piece by piece. Some rows have a tag inside the question, spell "step 1:" small, or have no header
at all; the question ends where the first step begins, or at its first question mark.
"""

from prm_jax.formats import marks, tagged
from prm_jax.formats.tagged import TAG
from prm_jax.records import Trajectory

NAME = "math_shepherd"


def detect(row):
    """Whether a row looks like this format."""
    return isinstance(row.get("input"), str) and isinstance(row.get("label"), str)


def read(row, where, joiner=None):
    """One trajectory a row; "Step i:" headers are kept out of the steps.

    Text after the last tag becomes a step without a label.

    Args:
        row: parsed JSON.
        where: its place.
        joiner: regex of what stands between question and first step, for rows that show neither a
            "Step 1:" nor a question mark.
    """
    for field in ("input", "label"):
        if not isinstance(row.get(field), str):
            raise where.error("must be a string", field=field)
    pieces = row["input"].split(TAG)[:-1]
    if not pieces:
        raise where.error(f"has no step tag {TAG!r}", field="input")
    signs = _signs(pieces, row["label"], where)
    problem, steps, labels = tagged.cut(row["input"], signs, where, "input", joiner)
    fields = {
        "problem": problem,
        "steps": steps,
        "labels": labels,
        "source": NAME,
        "meta": {name: value for name, value in row.items() if name not in ("input", "label")},
    }
    return [Trajectory.from_dict(fields, where)]


def write(trajectory):
    """The row of a fully labelled trajectory; soft labels count as right from 0.5 on.

    Raises:
        ValueError: a step has no label or the text holds a tag, which this format cannot say.
    """
    labels = trajectory.step_labels()
    row = {
        "input": tagged.write(trajectory, lambda i: TAG),
        "label": tagged.write(trajectory, lambda i: "+" if labels[i] >= 0.5 else "-"),
    }
    task = trajectory.meta.get("task")
    return row if task is None else {**row, "task": task}


def _signs(pieces, marked, where):
    """The labels of the tags: `marked` repeats each piece, with a sign right after it."""
    labels, place = [], 0
    for index, piece in enumerate(pieces, 1):
        sign = marked[place + len(piece) : place + len(piece) + 1]
        if not marked.startswith(piece, place) or sign not in marks.SIGNS:
            raise where.error(
                f"does not repeat the input up to tag {index} with + or - there", field="label"
            )
        labels.append(marks.SIGNS[sign])
        place += len(piece) + 1
    return labels
