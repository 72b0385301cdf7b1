"""Training rows of Multi-RM and VersaPRM (arXiv:2510.00492, arXiv:2502.06737): chains of thought in
the 14 domains of MMLU-Pro.

Fields: `question`, `cot` (the steps), `labels` (-1 wrong, anything else right), `answer` (the true
one) and `parsed_answer` (the chain's). The published training code never looks behind the first -1,
so the list may end there; the steps after it are then unlabelled, and labels that are there are
kept. UNSURE: the field names are those that Multi-RM's code reads; no file of either release was at
hand to check, so they are options. The test files (`cots`, several chains a row) are not read.
"""

from prm_jax.json_values import integer, name
from prm_jax.records import Trajectory

NAME = "multi_rm"


def detect(row):
    """Whether a row looks like this format."""
    return isinstance(row.get("cot"), list) and "question" in row and "labels" in row


def read(row, where, question="question", steps="cot", labels="labels", category="category"):
    """One trajectory a row; the outcome is whether `parsed_answer` equals `answer`.

    Args:
        row: parsed JSON.
        where: its place.
        question, steps, labels: names of the fields.
        category: name of the field with the domain, which becomes part of the source.
    """
    texts, ratings = row.get(steps), row.get(labels)
    if not isinstance(texts, list):
        raise where.error("must be a list of strings", field=steps)
    answer, gold = row.get("parsed_answer"), row.get("answer")
    both = isinstance(answer, str) and isinstance(gold, str)
    domain = row.get(category)
    not_kept = (question, steps, labels, "parsed_answer", "answer", "q_id")
    group = row.get("q_id")
    fields = {
        "problem": row.get(question),
        "steps": texts,
        "labels": None if not ratings else _labels(ratings, len(texts), labels, where),
        "outcome": answer == gold if both else None,
        "answer": answer,
        "gold": gold,
        "group": name(group),
        "source": f"{NAME}/{domain}" if isinstance(domain, str) else NAME,
        "meta": {key: value for key, value in row.items() if key not in not_kept},
    }
    return [Trajectory.from_dict(fields, where)]


def _labels(ratings, n_steps, field, where):
    if not isinstance(ratings, list):
        raise where.error("must be a list", field=field)
    found = [integer(rating) for rating in ratings]
    for index, rating in enumerate(ratings):
        if found[index] not in (-1, 0, 1):
            raise where.error(f"{rating!r} is not -1, 0 or 1", field=f"{field}[{index}]")
    missing = n_steps - len(ratings)
    if missing < 0 or (missing and found[-1] != -1):
        raise where.error(
            f"has {len(ratings)} entries for {n_steps} steps",
            field=field,
            remedy="give one per step; only a list that ends with -1 may be shorter",
        )
    return [0 if rating == -1 else 1 for rating in found] + [None] * missing
