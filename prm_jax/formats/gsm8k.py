"""GSM8K (arXiv:2110.14168): grade school word problems with worked solutions, all right.

A row's `answer` has one step a line and "#### ANSWER" last. A calculator mark <<48/2=24>> stands
before each computed number and is no part of the step's text; `meta['marked_steps']` keeps the
lines with their marks, from which `data.gsm8k` makes wrong solutions.
"""

import re
from pathlib import PurePosixPath

from prm_jax.records import Trajectory

NAME = "gsm8k"
END = "####"
MARK = re.compile(r"<<[^<>]*>>")


def detect(row):
    """Whether a row looks like this format."""
    answer = row.get("answer")
    return "question" in row and isinstance(answer, str) and END in answer


def read(row, where):
    """One right trajectory a row."""
    solution = row.get("answer")
    if not isinstance(solution, str):
        raise where.error("must be a string", field="answer")
    body, found, gold = solution.rpartition(END)
    if not found or not gold.strip():
        raise where.error(f"has no {END} with the final answer behind it", field="answer")
    lines = [line.strip() for line in body.split("\n") if line.strip()]
    steps = [MARK.sub("", line) for line in lines]
    fields = {
        "problem": row.get("question"),
        "steps": steps,
        "labels": [1.0] * len(steps),
        "first_error": -1,
        "outcome": 1.0,
        "answer": gold.strip(),
        "gold": gold.strip(),
        "id": f"{PurePosixPath(where.file_name).with_suffix('')}/{where.line}",
        "source": NAME,
        "meta": {"marked_steps": lines},
    }
    return [Trajectory.from_dict(fields, where)]
