"""MR-Ben (arXiv:2406.13975): one JSON object of lists, with the first wrong step of each solution
counted from 1 or "N/A".

A step can run over several list entries; those without a "Step i:" header continue the step before.
The first wrong step is named
by its header's number. Coding solutions are one text whose first wrong line is quoted.
"""

import re

from prm_jax.records import Trajectory

NAME = "mr_ben"


def detect(row):
    """Whether a row looks like this format."""
    return "Model_Solution_Steps" in row and "Model_Solution_First_Error_Step" in row


def read(row, where):
    """One trajectory a row; the options of a multiple choice question belong to the problem."""
    steps, numbers = _steps(row["Model_Solution_Steps"], where)
    problem = row.get("Question")
    if isinstance(problem, str) and row.get("Options"):
        problem = f"{problem}\n{row['Options']}"
    solution_is_right = str(row.get("Model_Solution_Correctness")).lower() == "correct"
    fields = {
        "problem": problem,
        "steps": steps,
        "first_error": _first_error(row, steps, numbers, solution_is_right, where),
        "gold": row.get("Ground_Truth_Answer") or None,
        "id": f"{row.get('Question_UUID')}/{row.get('Sampled_Model')}",
        "group": row.get("Question_UUID"),
        "source": f"mr_ben/{row.get('Subject')}",
        "meta": {"model": row.get("Sampled_Model")},
    }
    return [Trajectory.from_dict(fields, where)]


def _steps(raw, where):
    """`(steps, header numbers)`; the numbers are None where steps have no headers."""
    if isinstance(raw, str):
        return [line for line in raw.split("\n") if line.strip()], None
    if not isinstance(raw, list) or not all(isinstance(entry, str) for entry in raw):
        raise where.error("must be a string or a list of strings", field="Model_Solution_Steps")
    entries = [entry for entry in raw if entry.strip()]
    headers = [re.match(r"\s*Step (\d+)\b", entry) for entry in entries]
    if not any(headers):
        return entries, None
    steps, numbers = [], []
    for entry, header in zip(entries, headers):
        if header or not steps:
            steps.append(entry)
            numbers.append(int(header.group(1)) if header else None)
        else:
            steps[-1] = f"{steps[-1]}\n{entry}"
    return steps, numbers


def _first_error(row, steps, numbers, solution_is_right, where):
    field = "Model_Solution_First_Error_Step"
    named = str(row[field])
    if solution_is_right:
        return -1
    if named.strip().lower() in ("n/a", ""):
        raise where.error("is missing though the solution is marked incorrect", field=field)
    if not named.strip().isdigit():
        lines = [step.strip() for step in steps]
        quoted = named.strip().split("\n")[0].strip()
        if quoted not in lines:
            raise where.error(f"{quoted[:40]!r} is no line of the solution", field=field)
        return lines.index(quoted)
    number = int(named)
    if numbers is None:
        if not 1 <= number <= len(steps):
            raise where.error(f"{number} is not a step of {len(steps)}", field=field)
        return number - 1
    if number not in numbers:
        raise where.error(f"no step has the header 'Step {number}'", field=field)
    return numbers.index(number)
