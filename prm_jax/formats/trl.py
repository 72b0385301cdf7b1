"""TRL's stepwise supervision rows: `prompt`, `completions` (the steps), `labels` (booleans or
numbers).

TRL's trainer rounds labels to integers; here 0.9 stays 0.9. Rows with -1/0/1 ratings are read with
`neutral`.
"""

from prm_jax.records import Trajectory

NAME = "trl"
NEUTRAL = ("positive", "negative", "masked")


def detect(row):
    """Whether a row looks like this format."""
    return isinstance(row.get("prompt"), str) and isinstance(row.get("completions"), list)


def read(row, where, ratings=False, neutral="positive"):
    """One trajectory a row.

    Args:
        row: parsed JSON. where: its place.
        ratings: the labels are -1 wrong, 0 neutral, 1 right, instead of probabilities.
        neutral: with `ratings`, what 0 means: 'positive', 'negative' or 'masked'.
    """
    fields = {name: value for name, value in row.items() if name not in ("prompt", "completions")}
    if ratings and isinstance(row.get("labels"), list):
        fields["labels"] = [rating_label(rating, neutral, where) for rating in row["labels"]]
    fields |= {"problem": row.get("prompt"), "steps": row.get("completions")}
    return [Trajectory.from_dict(fields, where)]


def write(trajectory):
    """The row of a trajectory; unlabelled steps become null, which TRL itself does not read."""
    return {
        "prompt": trajectory.problem,
        "completions": list(trajectory.steps),
        "labels": list(trajectory.step_labels()),
    }


def rating_label(rating, neutral, where):
    """The label of a rating -1, 0, 1 or null: 0, as `neutral` says, 1 or None."""
    if neutral not in NEUTRAL:
        raise where.error(
            f"unknown policy {neutral!r}", field="neutral", remedy=f"one of {', '.join(NEUTRAL)}"
        )
    labels = {-1: 0.0, 0: {"positive": 1.0, "negative": 0.0, "masked": None}[neutral], 1: 1.0}
    if rating is None:
        return None
    if isinstance(rating, bool) or rating not in labels:
        raise where.error(f"rating {rating!r} is not -1, 0, 1 or null", field="rating")
    return labels[rating]
