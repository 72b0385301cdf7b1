"""PRM800K exported a step a row (openai-prm800k-stepwise-critic on the hub).

A row is one completion that was offered: `instruction` (the problem), `responses` (the steps that
were taken before it), `next_response` (the completion) with its `rating` (-1, 0, 1; null for one
that a person wrote, which counts as right), `answer` (what stands under the heading "# Answer" of
a last step) and whether it `is_solution`: it was taken and ends a solution with the right answer.
Source: the exporter's code and README (Birchlabs/prm800k-py).

Only the completion is labelled: its prefix comes again in every row that continues it.
"""

from prm_jax.formats.trl import rating_label
from prm_jax.json_values import name as name_of
from prm_jax.records import Trajectory

NAME = "prm800k_steps"
NOT_KEPT = ("instruction", "responses", "next_response", "rating", "answer")


def detect(row):
    """Whether a row looks like this format."""
    return "next_response" in row and isinstance(row.get("instruction"), str)


def read(row, where, neutral="positive"):
    """The trajectory that ends with the row's completion.

    Args:
        row: parsed JSON.
        where: its place.
        neutral: what rating 0 means: 'positive' (Lightman et al.), 'negative' or 'masked'.
    """
    before = [] if row.get("responses") is None else row["responses"]
    if not isinstance(before, list):
        raise where.error("must be a list of strings", field="responses")
    human = row.get("is_human_response") is True and row.get("rating") is None
    label = 1.0 if human else rating_label(row.get("rating"), neutral, where)
    fields = {
        "problem": row.get("instruction"),
        "steps": [*before, row.get("next_response")],
        "labels": [None] * len(before) + [label],
        "outcome": 1.0 if row.get("is_solution") is True else None,
        "answer": name_of(row.get("answer")),
        "source": NAME,
        "meta": {name: value for name, value in row.items() if name not in NOT_KEPT},
    }
    return [Trajectory.from_dict(fields, where)]
