"""Math-Shepherd (Wang et al., arXiv:2312.08935): `input` with a tag after every step, `label` with
+ or - in the tags' places.

The two strings are not aligned by index, because tag and sign differ in length: both are cut at
    their own marks. A dozen rows have
a mark inside the question, and some spell "step 1:" or have no header at all; the question ends
where the first step begins.
"""

import re

from prm_jax.records import Trajectory

NAME = "math_shepherd"
TAG = "ки"


def detect(row):
    """Whether a row looks like this format."""
    return isinstance(row.get("input"), str) and isinstance(row.get("label"), str)


def read(row, where):
    """One trajectory a row; "Step i:" headers are kept out of the steps."""
    text, marked = row["input"], row["label"]
    pieces = text.split(TAG)
    if len(pieces) < 2:
        raise where.error(f"has no step tag {TAG!r}", field="input")
    # The label string repeats the text, so each sign stands right after its own piece.
    labels, place = [], 0
    for index, piece in enumerate(pieces[:-1]):
        sign = marked[place + len(piece) : place + len(piece) + 1]
        if not marked.startswith(piece, place) or sign not in ("+", "-"):
            raise where.error(
                f"does not repeat the input up to tag {index + 1} with + or - there", field="label"
            )
        labels.append(1.0 if sign == "+" else 0.0)
        place += len(piece) + 1
    problem, first = _split_question(pieces, where)
    steps = [_without_header(piece) for piece in (first[1], *pieces[first[0] + 1 : -1])]
    labels = labels[first[0] :]
    kept = [(step, label) for step, label in zip(steps, labels) if step]
    return [
        Trajectory.from_dict(
            {
                "problem": problem,
                "steps": [step for step, _ in kept],
                "labels": [label for _, label in kept],
                "source": "math_shepherd",
                "meta": {"task": row["task"]} if "task" in row else None,
            },
            where,
        )
    ]


def write(trajectory):
    """The row of a fully labelled trajectory; soft labels count as right from 0.5 on.

    Raises:
        ValueError: a step has no label, which this format cannot hold.
    """
    labels = trajectory.step_labels()
    if None in labels:
        raise ValueError("Math-Shepherd rows need a label at every step")
    signs = ["+" if label >= 0.5 else "-" for label in labels]

    def text(marks):
        lines = [f"Step {i}: {s} {m}" for i, (s, m) in enumerate(zip(trajectory.steps, marks), 1)]
        return f"{trajectory.problem} " + "\n".join(lines)

    return {"input": text([TAG] * len(signs)), "label": text(signs), "task": "MATH"}


def _split_question(pieces, where):
    """`(question, (index of the piece with the first step, text of that step))`."""
    for index, piece in enumerate(pieces[:-1]):
        header = re.search(r"(?:^|\s)[Ss]tep 1\s*:", piece)
        if header:
            question = "".join(pieces[:index]) + piece[: header.start()]
            return question.strip(), (index, piece[header.end() :])
    question, mark, step = pieces[0].partition("?")
    if not mark:
        raise where.error("has neither a 'Step 1:' nor a question mark", field="input")
    return question.strip() + "?", (0, step)


def _without_header(piece):
    return re.sub(r"^\s*[Ss]tep \d+\s*:", "", piece).strip()
