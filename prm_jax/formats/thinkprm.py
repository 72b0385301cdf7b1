"""ThinkPRM-1K (arXiv:2504.16828): prefixes of PRM800K solutions with a verification each.

Fields, as the data set's card lists them: `problem`, `prefix`, `prefix_steps`, `gt_step_labels` (a
"+" or "-" for each step), `prefix_label` (whether the prefix as a whole is right) and `cot`, the
verification. A prefix is no finished solution, so `prefix_label` is no outcome; it stays in `meta`
with the verification. UNSURE: whether all lists of labels are complete; one that ends with its
first "-" may be shorter than the steps, which are then unlabelled.
"""

from prm_jax.formats import marks
from prm_jax.records import Trajectory

NAME = "thinkprm"
STEPS, LABELS = "prefix_steps", "gt_step_labels"
NOT_KEPT = ("problem", "prefix", STEPS, LABELS)


def detect(row):
    """Whether a row looks like this format."""
    return row.get(STEPS) is not None and row.get(LABELS) is not None


def read(row, where):
    """One trajectory a row; "Step i:" headers stay in the steps."""
    steps, given = row.get(STEPS), row.get(LABELS)
    if not isinstance(steps, list):
        raise where.error("must be a list of strings", field=STEPS)
    if not isinstance(given, list):
        raise where.error("must be a list of + and -", field=LABELS)
    labels = marks.labels(given, where, LABELS)
    missing = len(steps) - len(labels)
    ends_wrong = labels[-1:] == [0.0] and labels.count(0.0) == 1
    if missing < 0 or (missing and not ends_wrong):
        raise where.error(
            f"has {len(labels)} entries for {len(steps)} steps",
            field=LABELS,
            remedy="give one per step; only a list that ends with its first - may be shorter",
        )
    fields = {
        "problem": row.get("problem"),
        "steps": steps,
        "labels": labels + [None] * missing,
        "source": NAME,
        "meta": {name: value for name, value in row.items() if name not in NOT_KEPT},
    }
    return [Trajectory.from_dict(fields, where)]
