"""Fin-PRM (arXiv:2508.15202): financial questions with a label a step and one for the trajectory.

Fields, as the released training code reads them: `question`, `choices`, `trace` (steps separated by
blank lines), `step_labels` (0 or 1 each), `final_answer` and `trajectory_label`. The latter joins
the correctness of the answer with how well the trace covers what an expert would use, so it is no
outcome unless asked for. UNSURE: no data file was at hand to check; the names are options.
"""

from prm_jax.errors import InputError
from prm_jax.records import Trajectory

NAME = "fin_prm"
TRAJECTORY = ("meta", "outcome")


def detect(row):
    """Whether a row looks like this format."""
    return isinstance(row.get("trace"), str) and "step_labels" in row


def read(row, where, trajectory="meta", trace="trace", labels="step_labels"):
    """One trajectory a row; `choices` belong to the problem.

    Args:
        row: parsed JSON.
        where: its place.
        trajectory: where `trajectory_label` goes: 'meta', or 'outcome' to train on it as one.
        trace, labels: names of the fields.
    """
    if trajectory not in TRAJECTORY:
        raise InputError(
            f"unknown place {trajectory!r}",
            field="trajectory",
            remedy=f"one of {', '.join(TRAJECTORY)}",
        )
    text, values = row.get(trace), row.get(labels)
    if not isinstance(text, str):
        raise where.error("must be a string", field=trace)
    pieces = text.split("\n\n")
    if not isinstance(values, list) or len(values) != len(pieces):
        found = len(values) if isinstance(values, list) else "no"
        raise where.error(
            f"has {found} entries for {len(pieces)} steps",
            field=labels,
            remedy="give one per step; blank lines separate the steps of the trace",
        )
    kept = [(piece.strip(), value) for piece, value in zip(pieces, values) if piece.strip()]
    problem, choices = row.get("question"), row.get("choices")
    if isinstance(problem, str) and choices:
        problem = f"{problem}\n{choices}"
    not_kept = ("question", "choices", "final_answer", trace, labels)
    meta = {name: value for name, value in row.items() if name not in not_kept}
    outcome = meta.pop("trajectory_label", None) if trajectory == "outcome" else None
    fields = {
        "problem": problem,
        "steps": [piece for piece, _ in kept],
        "labels": [value for _, value in kept],
        "outcome": outcome,
        "answer": row.get("final_answer"),
        "source": NAME,
        "meta": meta,
    }
    return [Trajectory.from_dict(fields, where)]
