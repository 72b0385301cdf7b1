"""BIG-Bench Mistake (arXiv:2311.08516): reasoning traces of five tasks with the first mistake.

`mistake_index` is the index of the first wrong step counted from 0, null for none. Nothing is said
of the steps after it, so they stay unlabelled.
"""

from pathlib import Path

from prm_jax.json_values import integer
from prm_jax.records import Trajectory

NAME = "big_bench_mistake"
TASKS = (
    "dyck_languages",
    "logical_deduction",
    "multistep_arithmetic",
    "tracking_shuffled_objects",
    "word_sorting",
)
FIELDS = ("input", "steps", "answer", "target", "mistake_index")


def detect(row):
    """Whether a row looks like this format."""
    return "mistake_index" in row and "steps" in row and "input" in row


def read(row, where):
    """One trajectory a row.

    The outcome is 1 if `answer` and `target` are the same text but for white space around it. A
    task that the file's name tells becomes part of the source.
    """
    if "mistake_index" not in row:
        raise where.error("is missing", field="mistake_index", remedy="give null for no mistake")
    given = row["mistake_index"]
    index = integer(given)
    if given is not None and (index is None or index < 0):
        raise where.error(f"must be an index from 0 or null, not {given!r}", field="mistake_index")
    steps = row.get("steps")
    if isinstance(steps, list) and index is not None and index >= len(steps):
        raise where.error(f"{index} is not a step of {len(steps)}", field="mistake_index")
    answer, target = row.get("answer"), row.get("target")
    known = isinstance(answer, str) and isinstance(target, str)
    task = next((name for name in TASKS if name in Path(where.file).name.lower()), None)
    fields = {
        "problem": row.get("input"),
        "steps": steps,
        "first_error": -1 if index is None else index,
        "outcome": answer.strip() == target.strip() if known else None,
        "answer": answer,
        "gold": target,
        "source": NAME if task is None else f"{NAME}/{task}",
        "meta": {name: value for name, value in row.items() if name not in FIELDS},
    }
    return [Trajectory.from_dict(fields, where)]


def write(trajectory):
    """The row of a trajectory whose first error is known.

    Raises:
        ValueError: it is not.
    """
    if trajectory.first_error is None:
        raise ValueError("BIG-Bench Mistake rows need first_error")
    return {
        "input": trajectory.problem,
        "steps": list(trajectory.steps),
        "answer": trajectory.answer,
        "target": trajectory.gold,
        "mistake_index": None if trajectory.first_error < 0 else trajectory.first_error,
    }
