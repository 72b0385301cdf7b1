"""EurusPRM's data of both stages (PRIME, arXiv:2502.01456): `response`, a conversation of one
question and one answer, and `label`, one for the whole of it.

Source: the card of EurusPRM-Stage1-Data (`response`, `label`, `instruction dataset`, `generator
model`). In stage 1 the label says whether the answer is right, which is the outcome. Stage 2 has
answers cut off after a step (label 1) or with an error put into their last step (label 0), as the
authors say in PRIME#14: there the label belongs to the last step, and the steps before it are
right. UNSURE: no file was at hand. The stage is taken from the file's path, or given.
"""

import re

from prm_jax.errors import InputError
from prm_jax.formats import marks
from prm_jax.json_values import name as name_of
from prm_jax.records import Trajectory
from prm_jax.text.segment import STEP_HEADER, segment

NAME = "eurus_prm"
STAGES = ("auto", "1", "2")


def detect(row):
    """Whether a row looks like this format."""
    turns = row.get("response")
    if not isinstance(turns, list) or not turns or row.get("label") is None:
        return False
    return isinstance(turns[0], dict) and {"role", "content"} <= set(turns[0])


def read(row, where, stage="auto"):
    """One trajectory a row; steps begin at "Step i:" headers, or at blank lines without any.

    Args:
        row: parsed JSON.
        where: its place.
        stage: '1' (the label is the outcome), '2' (it is that of the last step), or 'auto': 2 if
            the file's path says "stage2", else 1.
    """
    if str(stage) not in STAGES:
        raise InputError(
            f"unknown stage {stage!r}", field="stage", remedy=f"one of {', '.join(STAGES)}"
        )
    problem, solution = _turns(row.get("response"), where)
    steps = segment(solution, "step_n" if STEP_HEADER.search(solution) else "paragraphs")
    label = marks.label(row.get("label"), where, "label")
    if label not in (0, 1):
        raise where.error(f"must be 0 or 1, not {row.get('label')!r}", field="label")
    second = str(stage) == "2"
    if str(stage) == "auto":
        second = re.search(r"stage[-_ ]?2", where.file, re.IGNORECASE) is not None
    labels = [1.0] * (len(steps) - 1) + [label]
    number = name_of(row.get("id"))
    fields = {
        "problem": problem,
        "steps": steps,
        "id": None if number is None else f"{name_of(row.get('dataset')) or NAME}/{number}",
        "source": NAME,
        "meta": {k: v for k, v in row.items() if k not in ("response", "label", "id")},
        **({"labels": labels} if second else {"outcome": label}),
    }
    return [Trajectory.from_dict(fields, where)]


def _turns(turns, where):
    """`(question, answer)`."""
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise where.error("must be a list of turns", field="response")
    turns = [turn for turn in turns if turn.get("role") != "system"]
    roles = [turn.get("role") for turn in turns]
    texts = [turn.get("content") for turn in turns]
    if roles != ["user", "assistant"] or not all(isinstance(text, str) for text in texts):
        raise where.error(
            f"must be a question and an answer, not turns by {roles}", field="response"
        )
    return texts
