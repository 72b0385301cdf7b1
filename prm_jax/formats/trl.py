"""TRL's stepwise supervision rows: `prompt`, `completions` (the steps) and `labels`.

Labels are booleans or numbers in [0, 1]; TRL's trainer rounds them to integers, here 0.9 stays 0.9.
With `ratings` they are -1, 0 and 1.
"""

from prm_jax.errors import InputError
from prm_jax.formats.search_and_learn import competes
from prm_jax.json_values import integer
from prm_jax.records import Trajectory

NAME = "trl"
NEUTRAL = {"positive": 1.0, "negative": 0.0, "masked": None}


def detect(row):
    """Whether a row looks like this format."""
    steps = isinstance(row.get("prompt"), str) and isinstance(row.get("completions"), list)
    return steps and not competes(row)


def read(row, where, ratings=False, neutral="positive"):
    """One trajectory a row.

    Args:
        row: parsed JSON.
        where: its place.
        ratings: the labels are -1 wrong, 0 neutral and 1 right, instead of probabilities.
        neutral: with `ratings`, what 0 means: 'positive', 'negative' or 'masked'.
    """
    fields = {name: value for name, value in row.items() if name not in ("prompt", "completions")}
    fields |= {"problem": row.get("prompt"), "steps": row.get("completions")}
    labels = row.get("labels")
    if ratings and isinstance(labels, list):
        fields["labels"] = [rating_label(rating, neutral, where) for rating in labels]
    elif isinstance(labels, list) and -1 in map(integer, labels):
        raise where.error(
            "-1 is not in [0, 1]", field="labels", remedy="give ratings=true to read -1, 0 and 1"
        )
    return [Trajectory.from_dict(fields, where)]


def write(trajectory):
    """The row of a trajectory; unlabelled steps become null, which TRL itself does not read."""
    return {
        "prompt": trajectory.problem,
        "completions": list(trajectory.steps),
        "labels": list(trajectory.step_labels()),
    }


def rating_label(rating, neutral, where):
    """The label of a rating: 0 for -1, what `neutral` says for 0, 1 for 1, None for null.

    Raises:
        InputError: another rating, or an unknown policy.
    """
    if neutral not in NEUTRAL:
        raise InputError(
            f"unknown policy {neutral!r}", field="neutral", remedy=f"one of {', '.join(NEUTRAL)}"
        )
    if rating is None:
        return None
    found = integer(rating)
    if found not in (-1, 0, 1):
        raise where.error(f"rating {rating!r} is not -1, 0, 1 or null", field="rating")
    return {-1: 0.0, 0: NEUTRAL[neutral], 1: 1.0}[found]
