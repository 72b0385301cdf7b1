"""RLHFlow's rows: conversations whose every step is a user turn answered "+" or "-", or a prompt
with scored answers.

The first user turn holds problem and first step, joined by a blank or a blank line; the file does
not say where one ends. The option `joiner` does: the last place in that turn which it matches.
"""

from prm_jax.formats import marks
from prm_jax.formats.tagged import split_at_last
from prm_jax.json_values import name
from prm_jax.records import Trajectory

NAME = "rlhflow"
TURNS = ("conversations", "messages")
ROLES = {"human": "user", "gpt": "assistant"}


def detect(row):
    """Whether a row looks like this format."""
    turns = next((row[name] for name in TURNS if row.get(name) is not None), None)
    if isinstance(turns, list):
        # A chat of anything else has turns too; only here are answers + or -.
        return row.get("step_labels") is None and any(_is_sign(turn) for turn in turns)
    return isinstance(row.get("answers"), list) and isinstance(row.get("prompt"), str)


def read(row, where, joiner=r"(?<!\s)\s+(?=[Ss]tep 1\s*:)"):
    """One trajectory a conversation, or one a stored answer.

    Args:
        row: parsed JSON.
        where: its place.
        joiner: regex of what stands between problem and first step.
    """
    if row.get("answers") is not None:
        return _read_answers(row, where)
    field = next((field for field in TURNS if row.get(field) is not None), TURNS[0])
    steps, labels = _read_turns(row.get(field), where, field)
    parts = split_at_last(joiner, steps[0])
    if parts is None:
        raise where.error(
            "the first turn does not show where the problem ends",
            field=f"{field}[0]",
            remedy="give the option joiner, a regex of what stands between problem and first step",
        )
    problem, steps[0] = parts
    fields = {
        "problem": problem,
        "steps": steps,
        "labels": labels,
        "source": NAME,
        "meta": {key: value for key, value in row.items() if key != field},
    }
    return [Trajectory.from_dict(fields, where)]


def write(trajectory):
    """The conversation of a fully labelled trajectory; soft labels count as right from 0.5 on.

    Reading it back needs a first step that starts with "Step 1:", or the option `joiner`.

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


def _read_turns(turns, where, name):
    """`(steps, labels)`; the first step still holds the problem."""
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise where.error("must be a list of turns", field=name)
    turns = [turn for turn in turns if _role(turn) != "system"]
    if len(turns) < 2 or len(turns) % 2:
        raise where.error(f"{len(turns)} turns do not pair steps with answers", field=name)
    steps, labels = [], []
    for index in range(0, len(turns), 2):
        roles = [_role(turn) for turn in turns[index : index + 2]]
        step, sign = (_content(turn) for turn in turns[index : index + 2])
        if roles != ["user", "assistant"]:
            raise where.error(f"turns {index} and {index + 1} are by {roles}", field=name)
        if not isinstance(step, str):
            raise where.error("must be a string", field=f"{name}[{index}]")
        if not isinstance(sign, str) or sign.strip() not in marks.SIGNS:
            raise where.error(f"answer {sign!r} is neither + nor -", field=f"{name}[{index + 1}]")
        steps.append(step)
        labels.append(marks.SIGNS[sign.strip()])
    return steps, labels


def _is_sign(turn):
    """Whether a turn is an answer of + or -."""
    if not isinstance(turn, dict) or _role(turn) != "assistant":
        return False
    sign = _content(turn)
    return isinstance(sign, str) and sign.strip() in marks.SIGNS


def _role(turn):
    role = turn.get("from") if turn.get("role") is None else turn["role"]
    return ROLES.get(role, role) if isinstance(role, str) else role


def _content(turn):
    return turn.get("value") if turn.get("content") is None else turn["content"]


def _read_answers(row, where):
    answers, outcomes = row.get("answers"), row.get("labels") or row.get("label")
    if not isinstance(answers, list):
        raise where.error("must be a list", field="answers")
    if not isinstance(outcomes, list) or len(outcomes) != len(answers):
        raise where.error("needs one entry per answer", field="labels")
    group = name(row.get("id")) or where.name
    not_kept = ("prompt", "answers", "labels", "label", "id")
    found = []
    for index, (answer, outcome) in enumerate(zip(answers, outcomes)):
        if not isinstance(answer, str):
            raise where.error("must be a string", field=f"answers[{index}]")
        fields = {
            "problem": row.get("prompt"),
            "steps": [line.strip() for line in answer.split("\n") if line.strip()],
            "outcome": outcome,
            "id": f"{group}/{index}",
            "group": group,
            "source": NAME,
            "meta": {key: value for key, value in row.items() if key not in not_kept},
        }
        found.append(Trajectory.from_dict(fields, where))
    return found
