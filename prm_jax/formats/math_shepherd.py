"""Math-Shepherd (Wang et al., arXiv:2312.08935): `input` with a tag after every step, and `label`,
the same text with + or - in the tags' places.

The two strings are not aligned by index, because tag and sign differ in length: both are walked
piece by piece. Some rows have a tag inside the question, spell "step 1:" small, or have no header
at all; the question ends where the first step begins, or at its first question mark.
"""

import re

from prm_jax.records import Trajectory

NAME = "math_shepherd"
TAG = "ки"


def detect(row):
    """Whether a row looks like this format."""
    return isinstance(row.get("input"), str) and isinstance(row.get("label"), str)


def read(row, where):
    """One trajectory a row; "Step i:" headers are kept out of the steps.

    Text after the last tag becomes a step without a label.
    """
    for field in ("input", "label"):
        if not isinstance(row.get(field), str):
            raise where.error("must be a string", field=field)
    *pieces, rest = row["input"].split(TAG)
    if not pieces:
        raise where.error(f"has no step tag {TAG!r}", field="input")
    labels = [*_signs(pieces, row["label"], where), None]
    problem, index, first_step = _split_question(pieces, where)
    texts = [_without_header(piece) for piece in (first_step, *pieces[index + 1 :], rest)]
    kept = [(text, label) for text, label in zip(texts, labels[index:]) if text]
    fields = {
        "problem": problem,
        "steps": [text for text, _ in kept],
        "labels": [label for _, label in kept],
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
    if None in labels:
        raise ValueError("Math-Shepherd rows need a label at every step")
    if any(TAG in text for text in (trajectory.problem, *trajectory.steps)):
        raise ValueError(f"the text holds the step tag {TAG!r}")
    signs = ["+" if label >= 0.5 else "-" for label in labels]

    def text(marks):
        lines = [f"Step {i}: {s} {m}" for i, (s, m) in enumerate(zip(trajectory.steps, marks), 1)]
        return f"{trajectory.problem} " + "\n".join(lines)

    row = {"input": text([TAG] * len(signs)), "label": text(signs)}
    task = trajectory.meta.get("task")
    return row if task is None else {**row, "task": task}


def _signs(pieces, marked, where):
    """The labels of the tags: `marked` repeats each piece, with a sign right after it."""
    labels, place = [], 0
    for index, piece in enumerate(pieces, 1):
        sign = marked[place + len(piece) : place + len(piece) + 1]
        if not marked.startswith(piece, place) or sign not in ("+", "-"):
            raise where.error(
                f"does not repeat the input up to tag {index} with + or - there", field="label"
            )
        labels.append(1.0 if sign == "+" else 0.0)
        place += len(piece) + 1
    return labels


def _split_question(pieces, where):
    """`(question, index of the piece with the first step, text of that step)`."""
    for index, piece in enumerate(pieces):
        header = re.search(r"(?:^|\s)[Ss]tep 1\s*:", piece)
        if header:
            question = "".join(pieces[:index]) + piece[: header.start()]
            return question.strip(), index, piece[header.end() :]
    question, mark, step = pieces[0].partition("?")
    if not mark:
        raise where.error("has neither a 'Step 1:' nor a question mark", field="input")
    return question.strip() + "?", 0, step


def _without_header(piece):
    return re.sub(r"^\s*[Ss]tep \d+\s*:", "", piece).strip()
