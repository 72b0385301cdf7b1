"""MathCheck (arXiv:2407.08733): checklists of tasks about one problem and its variations.

Source: the published gsm_checklist.json and geo_checklist.json. Rows of the task `process_judging`
have a `solution` and as `answer` the first wrong step by its header ("Step 2", **counted from 1**);
what follows it is unlabelled. Rows of `outcome_judging` have a solution whose final answer is
"Correct" or "Incorrect", which is the outcome. The other two tasks, `solving` and
`answerable_judging`, have no solution and give nothing. A `solution` has one step a line or more: a
line without a "Step i:" header continues the step before it, such as "The answer is $16.". The
images of geo_checklist.json are not read; their paths stay in `meta`.
"""

from prm_jax.formats import mr_ben
from prm_jax.formats.mr_gsm8k import verdict
from prm_jax.json_values import name as name_of
from prm_jax.records import Trajectory

NAME = "mathcheck"
WITHOUT_SOLUTION = ("solving", "answerable_judging")
TASKS = ("process_judging", "outcome_judging", *WITHOUT_SOLUTION)
NOT_KEPT = ("question", "solution", "answer", "id")


def detect(row):
    """Whether a row looks like this format."""
    return row.get("task_type") in TASKS and "question" in row and "group_id" in row


def read(row, where):
    """One trajectory a row with a solution; the variations of one problem share no group."""
    task = row.get("task_type")
    if task not in TASKS:
        raise where.error(f"must be one of {', '.join(TASKS)}, not {task!r}", field="task_type")
    if task in WITHOUT_SOLUTION:
        return []
    solution = row.get("solution")
    if not isinstance(solution, str) or not solution.strip():
        raise where.error("must be a string that is not empty", field="solution")
    steps, numbers = mr_ben.join_entries([line for line in solution.split("\n") if line.strip()])
    number = name_of(row.get("id"))
    fields = {
        "problem": row.get("question"),
        "steps": steps,
        "id": None if number is None else f"{NAME}/{number}",
        "source": "/".join(filter(None, (NAME, name_of(row.get("question_type"))))),
        "meta": {name: value for name, value in row.items() if name not in NOT_KEPT},
    }
    if task == "outcome_judging":
        fields["outcome"] = verdict(row, "answer", where)
    else:
        fields["first_error"] = _first_error(row.get("answer"), numbers, where)
    return [Trajectory.from_dict(fields, where)]


def _first_error(answer, numbers, where):
    named = str(answer).strip().lower().removeprefix("step").strip(" .:")
    places = [i for i, number in enumerate(numbers) if str(number) == named]
    if len(places) != 1:
        found = "no step" if not places else f"{len(places)} steps"
        raise where.error(f"{answer!r} names {found} of the solution", field="answer")
    return places[0]
