r"""openr's rows of question and process (arXiv:2410.09671), such as MATH-APS as it is on the hub.

`process` has a tag after every step: "\n\n\n\n\n", or "ки" in older files; `label` (or `labels`) is
a list of "+" and "-", or of 1 and 0. Source: prm/code/finetune_qwen.py, which puts the i-th entry
at the i-th tag, prm/code/test.json, and the project's page on its data sets.

Rows of MATH-APS have one entry however many steps the process has (openr#94): each row is one
prefix of a search, and the value measured at it is that of its last step. UNSURE: the authors have
not answered; the option `single` says what it labels. Nor do these rows show the tag, so a process
without any is cut at its blank lines.
"""

import re

from prm_jax.errors import InputError
from prm_jax.formats import marks
from prm_jax.formats.tagged import TAG
from prm_jax.records import Trajectory

NAME = "openr"
BLANK_TAG = "\n" * 5
SINGLE = ("last", "masked")


def detect(row):
    """Whether a row looks like this format."""
    labelled = row.get("label") is not None or row.get("labels") is not None
    return isinstance(row.get("process"), str) and "question" in row and labelled


def read(row, where, single="last"):
    """One trajectory a row; "Step i:" headers stay in the steps.

    Args:
        row: parsed JSON.
        where: its place.
        single: what one label for several steps belongs to: the 'last' step, with the others
            unlabelled, or nothing: 'masked'.
    """
    if single not in SINGLE:
        raise InputError(
            f"unknown rule {single!r}", field="single", remedy=f"one of {', '.join(SINGLE)}"
        )
    name = "label" if row.get("label") is not None else "labels"
    process = row.get("process")
    if not isinstance(process, str):
        raise where.error("must be a string", field="process")
    if row.get(name) is None:
        raise where.error("is missing", field=name, remedy="give one for each step")
    steps = _steps(process)
    labels = marks.labels(row[name], where, name)
    if len(labels) == 1 < len(steps):
        labels = [None] * (len(steps) - 1) + (labels if single == "last" else [None])
    if len(labels) != len(steps):
        raise where.error(f"has {len(labels)} entries for {len(steps)} steps", field=name)
    fields = {
        "problem": row.get("question"),
        "steps": steps,
        "labels": labels,
        "source": NAME,
        "meta": {k: v for k, v in row.items() if k not in ("question", "process", name)},
    }
    return [Trajectory.from_dict(fields, where)]


def _steps(process):
    tag = next((tag for tag in (TAG, BLANK_TAG) if tag in process), None)
    pieces = process.split(tag) if tag else re.split(r"\n\s*\n", process)
    return [piece.strip() for piece in pieces if piece.strip()]
