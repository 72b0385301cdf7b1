"""JudgeBench (arXiv:2410.12784): pairs of responses of which one is right by its final answer.

Source: the published data and its README. `label` is "A>B" or "B>A"; the better response is the
right one, which is its outcome, and the other one's is 0. The two compete. Steps are cut at blank
lines and unlabelled. A pair without a verdict has no outcomes.
"""

from prm_jax.json_values import name as name_of
from prm_jax.records import Trajectory
from prm_jax.text.segment import segment

NAME = "judgebench"
RESPONSES = ("response_A", "response_B")
VERDICTS = {"A>B": (1.0, 0.0), "B>A": (0.0, 1.0), "A=B": (None, None)}
NOT_KEPT = ("question", "pair_id", "source", "label", *RESPONSES)


def detect(row):
    """Whether a row looks like this format."""
    return all(isinstance(row.get(name), str) for name in (*RESPONSES, "question"))


def read(row, where):
    """Two trajectories a row, A first."""
    label = row.get("label")
    if label is not None and (not isinstance(label, str) or label.strip() not in VERDICTS):
        raise where.error(f"must be A>B or B>A, not {label!r}", field="label")
    outcomes = VERDICTS["A=B" if label is None else label.strip()]
    group, source = name_of(row.get("pair_id")) or where.name, row.get("source")
    found = []
    for name, outcome in zip(RESPONSES, outcomes):
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise where.error("must be a string that is not empty", field=name)
        fields = {
            "problem": row.get("question"),
            "steps": segment(row[name]),
            "outcome": outcome,
            "id": f"{group}/{name[-1]}",
            "group": group,
            "source": f"{NAME}/{source}" if isinstance(source, str) else NAME,
            "meta": {key: value for key, value in row.items() if key not in NOT_KEPT},
        }
        found.append(Trajectory.from_dict(fields, where))
    return found
