"""MR-Ben (arXiv:2406.13975): science and coding solutions whose first wrong step a person marked.

A file is one JSON object: question id -> list of rows. `Model_Solution_First_Error_Step` is "N/A",
the number of a step counted from 1, or, for coding, the first wrong line itself.

A solution's list has one entry a line of text, blank ones among them, so that a step may run over
several: an entry opens a step if it starts with "Step i:" (or "Solution:" or "Final Step:", which
the annotators count as the step after the last numbered one), else it continues the step before.
The number in the header is what the annotation refers to. A coding solution is one text; each of
its lines that is not blank is a step.

Refused are rows marked incorrect without a first error, and those whose first error names no step
or more than one (lists that start again at "Step 1:", a line of code that occurs twice).
"""

import re

from prm_jax.json_values import name
from prm_jax.records import Trajectory

NAME = "mr_ben"
FIRST_ERROR = "Model_Solution_First_Error_Step"
STEPS = "Model_Solution_Steps"
HEADER = re.compile(r"\s*(?:Step\s+(\d+|n)|Final Step|Solution)\s*:", re.IGNORECASE)
NOT_KEPT = ("Question", "Options", STEPS, FIRST_ERROR)


def detect(row):
    """Whether a row looks like this format."""
    return STEPS in row and FIRST_ERROR in row


def read(row, where):
    """One trajectory a row; the options of a multiple choice question belong to the problem."""
    raw, question = row.get(STEPS), name(row.get("Question_UUID"))
    problem = row.get("Question")
    if isinstance(problem, str) and row.get("Options"):
        problem = f"{problem}\n{row['Options']}"
    if isinstance(raw, str):
        steps = [line.rstrip() for line in raw.split("\n") if line.strip()]
        number_of = None
    elif isinstance(raw, list) and all(isinstance(entry, str) for entry in raw):
        steps, number_of = join_entries([entry for entry in raw if entry.strip()])
    else:
        raise where.error("must be a string or a list of strings", field=STEPS)
    fields = {
        "problem": problem,
        "steps": steps,
        "first_error": _first_error(row, steps, number_of, where),
        "gold": row.get("Ground_Truth_Answer") or None,
        "id": None if question is None else f"{question}/{row.get('Sampled_Model')}",
        "group": question,
        "source": f"mr_ben/{row.get('Subject')}",
        "meta": {key: value for key, value in row.items() if key not in NOT_KEPT},
    }
    return [Trajectory.from_dict(fields, where)]


def join_entries(entries):
    """Joins the lines of a solution to steps.

    Args:
        entries: list of str, none blank.

    Returns:
        `(steps, number of each)`, the number that its header says; without any header each entry is
        a step.
    """
    headers = [HEADER.match(entry) for entry in entries]
    if not any(headers):
        return entries, list(range(1, len(entries) + 1))
    steps: list[str] = []
    numbers: list[int] = []
    for entry, header in zip(entries, headers):
        if not header and steps:
            steps[-1] = f"{steps[-1]}\n{entry}"
            continue
        digits = header.group(1) if header else None
        following = numbers[-1] + 1 if numbers else 0
        steps.append(entry)
        numbers.append(int(digits) if digits and digits.isdecimal() else following)
    return steps, numbers


def _first_error(row, steps, number_of, where):
    marked = str(row.get("Model_Solution_Correctness")).lower()
    if marked == "correct":
        return -1
    if marked != "incorrect":
        raise where.error("must be correct or incorrect", field="Model_Solution_Correctness")
    named = str(name(row.get(FIRST_ERROR)))
    if named.strip().lower() in ("n/a", "none", ""):
        raise where.error("is missing though the solution is incorrect", field=FIRST_ERROR)
    if number_of is None:
        lines = [line.rstrip() for line in named.split("\n") if line.strip()]
        places = [i for i in range(len(steps)) if steps[i : i + len(lines)] == lines]
    else:
        places = [i for i, number in enumerate(number_of) if str(number) == named.strip()]
    if len(places) != 1:
        found = "no step" if not places else f"{len(places)} steps"
        raise where.error(f"{named.strip()[:40]!r} names {found}", field=FIRST_ERROR)
    return places[0]
