"""RLHFlow's rows: conversations in which every step is a user turn answered by "+" or "-"; or a
prompt with scored answers.

The first user turn holds problem and first step, joined by a blank or a blank line; the file does
not say where one ends. `joiner`
does, and the last place where it occurs before the step header decides.
"""

import re

from prm_jax.records import Trajectory

NAME = "rlhflow"
SIGNS = {"+": 1.0, "-": 0.0}


def detect(row):
    """Whether a row looks like this format."""
    turns = row.get("conversations", row.get("messages"))
    answers = isinstance(row.get("answers"), list) and isinstance(row.get("prompt"), str)
    return answers or (isinstance(turns, list) and bool(turns) and _is_turn(turns[0]))


def read(row, where, joiner=r"\s+(?=[Ss]tep 1\s*:)"):
    """One trajectory a conversation, or one a stored answer.

    Args:
        row: parsed JSON. where: its place.
        joiner: regex of what stands between problem and first step.
    """
    if "answers" in row:
        return _read_answers(row, where)
    turns = row.get("conversations", row.get("messages"))
    turns = [turn for turn in turns if _role(turn) != "system"]
    if len(turns) < 2 or len(turns) % 2:
        raise where.error(
            f"{len(turns)} turns do not pair steps with answers", field="conversations"
        )
    steps, labels = [], []
    for index in range(0, len(turns), 2):
        step, sign = turns[index], turns[index + 1]
        roles = (_role(step), _role(sign))
        if roles != ("user", "assistant"):
            raise where.error(f"roles {roles} at turn {index}", field="conversations")
        if _content(sign).strip() not in SIGNS:
            raise where.error(
                f"answer {_content(sign)!r} is neither + nor -", field=f"conversations[{index + 1}]"
            )
        steps.append(_content(step))
        labels.append(SIGNS[_content(sign).strip()])
    matches = list(re.finditer(joiner, steps[0]))
    if not matches:
        raise where.error(
            "the first turn does not show where the problem ends",
            field="conversations[0]",
            remedy="give the option `joiner`, a regex of what stands between the two",
        )
    problem, steps[0] = steps[0][: matches[-1].start()], steps[0][matches[-1].end() :]
    fields = {"problem": problem, "steps": steps, "labels": labels, "source": "rlhflow"}
    return [Trajectory.from_dict(fields, where)]


def write(trajectory):
    """The conversation of a fully labelled trajectory; soft labels count as right from 0.5 on.

    Raises:
        ValueError: a step has no label, which this format cannot hold.
    """
    labels = trajectory.step_labels()
    if None in labels:
        raise ValueError("RLHFlow conversations need a label at every step")
    turns = []
    for index, (step, label) in enumerate(zip(trajectory.steps, labels)):
        text = f"{trajectory.problem} {step}" if index == 0 else step
        turns.append({"role": "user", "content": text})
        turns.append({"role": "assistant", "content": "+" if label >= 0.5 else "-"})
    return {"conversations": turns}


def _read_answers(row, where):
    labels = row.get("labels", row.get("label"))
    if not isinstance(labels, list) or len(labels) != len(row["answers"]):
        raise where.error("needs one label per answer", field="labels")
    found = []
    for index, (answer, label) in enumerate(zip(row["answers"], labels)):
        if not isinstance(answer, str):
            raise where.error("must be a string", field=f"answers[{index}]")
        steps = [line.strip() for line in re.split(r"\n+", answer) if line.strip()]
        fields = {
            "problem": row["prompt"],
            "steps": steps,
            "outcome": int(bool(label)) if label in (0, 1) else label,
            "id": f"{where.line}-{index}",
            "group": str(row.get("id", where.line)),
            "source": "rlhflow",
        }
        found.append(Trajectory.from_dict(fields, where))
    return found


def _is_turn(turn):
    return isinstance(turn, dict) and ("content" in turn or "value" in turn)


def _role(turn):
    role = turn.get("role", turn.get("from"))
    return {"human": "user", "gpt": "assistant"}.get(role, role)


def _content(turn):
    return str(turn.get("content", turn.get("value", "")))
