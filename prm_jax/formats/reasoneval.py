"""ReasonEval's data (arXiv:2404.05692): Meta-Reasoning-MATH and perturbed solutions of PRM800K.

Source: the authors' README, their published files and codes/mr-math_eval.py. Three layouts:

- invalid errors: `model_output_step_format` (a list of lines for each step) and the first wrong
  step **counted from 1**, or "N/A", in the fields that MR-GSM8K has too;
- redundant errors: the same steps with `rating`, 1 for a step that helps and 0 for one that is
  right but does not, which is what PRM800K calls neutral;
- perturbations: `hypothesis_steps`, made of `reference_steps` by one change, and in `tags` where,
  **counted from 0**. A changed number or operation is the first error. Where steps were swapped,
  repeated, removed or exchanged for another solution's, no step as such is wrong: unlabelled.
"""

from prm_jax.errors import InputError
from prm_jax.formats import mr_gsm8k
from prm_jax.formats.trl import rating_label
from prm_jax.json_values import integer
from prm_jax.json_values import name as name_of
from prm_jax.records import Trajectory

NAME = "reasoneval"
STEPS = f"{mr_gsm8k.PREFIX}step_format"
PERTURBED = ("hypothesis_steps", "reference_steps")
WRONG_STEP = ("random number", "random operation")
SOLUTIONS = ("hypothesis", "reference", "both")
RAW = mr_gsm8k.PREFIX.rstrip("_")
READ = ("id", "question", "ground_truth_answer", "rating", STEPS, *PERTURBED)
NOT_KEPT = (*READ, mr_gsm8k.FIRST_ERROR, RAW)


def detect(row):
    """Whether a row looks like this format."""
    return row.get(STEPS) is not None or all(row.get(name) is not None for name in PERTURBED)


def read(row, where, neutral="positive", solution="hypothesis"):
    """One trajectory a row, or two.

    Args:
        row: parsed JSON.
        where: its place.
        neutral: what rating 0 means: 'positive' (it is right), 'negative' or 'masked'.
        solution: of a perturbation: the 'hypothesis', the 'reference' (all of its steps are right)
            or 'both', which then share a group.
    """
    if solution not in SOLUTIONS:
        raise InputError(
            f"unknown choice {solution!r}",
            field="solution",
            remedy=f"one of {', '.join(SOLUTIONS)}",
        )
    common = {
        "problem": row.get("question"),
        "gold": name_of(row.get("ground_truth_answer")),
        "meta": {name: value for name, value in row.items() if name not in NOT_KEPT},
    }
    if row.get(STEPS) is None:
        return _perturbed(row, common, solution, where)
    steps = _joined(row[STEPS], where)
    number = name_of(row.get("id"))
    if row.get("rating") is not None:
        kind = "redundant"
        found = {"labels": _ratings(row["rating"], len(steps), neutral, where)}
    else:
        kind = "invalid"
        found = {
            "first_error": mr_gsm8k.first_error(row, len(steps), where),
            "outcome": mr_gsm8k.verdict(row, mr_gsm8k.ANSWER_CORRECTNESS, where),
        }
    fields = {**common, **found, "steps": steps, "source": f"{NAME}/{kind}"}
    fields["id"] = None if number is None else f"{NAME}/{kind}/{number}"
    return [Trajectory.from_dict(fields, where)]


def _joined(raw, where):
    """The steps, each a list of lines or one text."""
    if not isinstance(raw, list):
        raise where.error("must be a list of steps", field=STEPS)
    steps = []
    for index, lines in enumerate(raw):
        lines = [lines] if isinstance(lines, str) else lines
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            raise where.error("must be a list of lines", field=f"{STEPS}[{index}]")
        steps.append("\n".join(lines))
    return steps


def _ratings(ratings, n_steps, neutral, where):
    if not isinstance(ratings, list) or len(ratings) != n_steps:
        found = len(ratings) if isinstance(ratings, list) else "no"
        raise where.error(f"has {found} entries for {n_steps} steps", field="rating")
    return [rating_label(rating, neutral, where) for rating in ratings]


def _perturbed(row, common, solution, where):
    kind, place = row.get("error_type"), row.get("tags")
    index = None
    if kind in WRONG_STEP:
        steps = row.get(PERTURBED[0])
        n_steps = len(steps) if isinstance(steps, list) else 0
        index = integer(place)
        if index is None or not 0 <= index < n_steps:
            raise where.error(
                f"{place!r} is not a step of {n_steps}", field="tags", remedy="steps count from 0"
            )
    group = f"{NAME}/perturbed/{name_of(row.get('id')) or where.name}"
    found = []
    for name, error in (("reference", -1), ("hypothesis", index)):
        if solution in (name, "both"):
            fields = {**common, "steps": row.get(f"{name}_steps"), "first_error": error}
            fields |= {"id": f"{group}/{name}", "group": group}
            change = kind or "unknown change"
            fields["source"] = f"{NAME}/{change if name == 'hypothesis' else name}"
            found.append(Trajectory.from_dict(fields, where))
    return found
