"""MR-GSM8K (arXiv:2312.17080): solutions of grade school problems whose first wrong step a person
marked.

Source: the authors' README and scripts/eval_mr_gsm8k.py. `model_output_steps` is the list of steps,
`model_output_solution_first_error_step` the number of the first wrong one **counted from 1**, or
"N/A"; `model_output_solution_correctness` and `model_output_answer_correctness` are "correct" or
"wrong". Right and wrong of the solution come from the former: "N/A" alone does not say that all is
right. A few rows of earlier releases are wrong without a marked step (MR-GSM8K#1); the error may be
anywhere, so their steps are unlabelled.
"""

import ast

from prm_jax.formats import marks
from prm_jax.json_values import name as name_of
from prm_jax.records import Trajectory

NAME = "mr_gsm8k"
PREFIX = "model_output_"
STEPS = f"{PREFIX}steps"
CORRECTNESS = f"{PREFIX}solution_correctness"
FIRST_ERROR = f"{PREFIX}solution_first_error_step"
ANSWER_CORRECTNESS = f"{PREFIX}answer_correctness"
NOT_KEPT = ("question", "ground_truth_answer", "uuid", STEPS, FIRST_ERROR)
VERDICTS = {"correct": True, "right": True, "true": True}
VERDICTS |= {"wrong": False, "incorrect": False, "false": False}


def detect(row):
    """Whether a row looks like this format."""
    return row.get(STEPS) is not None and CORRECTNESS in row


def read(row, where):
    """One trajectory a row."""
    steps = row.get(STEPS)
    if isinstance(steps, str):
        steps = _listed(steps, where)
    if not isinstance(steps, list):
        raise where.error("must be a list of strings", field=STEPS)
    kind = row.get("question_type")
    fields = {
        "problem": row.get("question"),
        "steps": steps,
        "first_error": first_error(row, len(steps), where),
        "outcome": verdict(row, ANSWER_CORRECTNESS, where),
        "gold": name_of(row.get("ground_truth_answer")),
        "id": name_of(row.get("uuid")),
        "source": f"{NAME}/{kind}" if isinstance(kind, str) else NAME,
        "meta": {name: value for name, value in row.items() if name not in NOT_KEPT},
    }
    return [Trajectory.from_dict(fields, where)]


def first_error(row, n_steps, where):
    """The index of the first wrong step from 0, -1 for none, None for one that is not marked.

    Raises:
        InputError: a solution is neither correct nor wrong, or a correct one has a wrong step.
    """
    right = verdict(row, CORRECTNESS, where)
    index = marks.first_error(row.get(FIRST_ERROR), n_steps, where, FIRST_ERROR)
    if right is None:
        raise where.error("must be correct or wrong", field=CORRECTNESS)
    if right and index is not None:
        raise where.error(f"names step {index + 1} of a correct solution", field=FIRST_ERROR)
    return -1 if right else index


def verdict(row, field, where):
    """Whether a field says correct or wrong; None if it is null or missing.

    Raises:
        InputError: it says something else.
    """
    if row.get(field) is None:
        return None
    said = VERDICTS.get(str(row[field]).strip().lower())
    if said is None:
        raise where.error(f"must be correct or wrong, not {row[field]!r}", field=field)
    return said


def _listed(text, where):
    """The list that a text spells, as tables write it."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise where.error("must be a list of strings, or a text of one", field=STEPS) from None
