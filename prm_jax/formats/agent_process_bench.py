"""AgentProcessBench (arXiv:2603.14465): runs of agents with tools, each turn of the agent labelled.

Source: the published data and eval/compare.py. `step_labels` maps the index of a message, **counted
from 0 over all messages**, to 1 (it helps), 0 (neutral) or -1 (wrong); `final_label` is 1 for a
solved task, 0 or -1 for one that is not. A step is a turn of the agent: its text and its calls.
What tools and users say in between cannot be right or wrong; it stands in front of the next step,
since whoever judges that step has seen it, or is left out.
"""

import json

from prm_jax.errors import InputError
from prm_jax.formats.trl import rating_label
from prm_jax.json_values import integer
from prm_jax.json_values import name as name_of
from prm_jax.records import Trajectory

NAME = "agent_process_bench"
OBSERVATIONS = ("before", "none")
READ = ("question", "messages", "step_labels", "final_label", "answer_text")
NOT_KEPT = (*READ, "tools", "tool_metrics")


def detect(row):
    """Whether a row looks like this format."""
    labels = row.get("step_labels")
    return isinstance(row.get("messages"), list) and isinstance(labels, dict | list)


def read(row, where, observations="before", neutral="positive"):
    """One trajectory a row; runs at one question compete.

    Args:
        row: parsed JSON.
        where: its place.
        observations: what tools and users say goes 'before' the step that follows, or nowhere:
            'none'.
        neutral: what label 0 means: 'positive', 'negative' or 'masked'.
    """
    if observations not in OBSERVATIONS:
        raise InputError(
            f"unknown place {observations!r}",
            field="observations",
            remedy=f"one of {', '.join(OBSERVATIONS)}",
        )
    messages = row.get("messages")
    if not isinstance(messages, list) or not all(isinstance(turn, dict) for turn in messages):
        raise where.error("must be a list of messages", field="messages")
    turns = [i for i, message in enumerate(messages) if message.get("role") == "assistant"]
    marked = _marked(row.get("step_labels"), turns, len(messages), where)
    question, first = _question(row, messages, where)
    steps, said = [], []
    for index, message in enumerate(messages):
        if message.get("role") != "assistant":
            if index > first and observations == "before" and message.get("content"):
                said.append(f"[{message.get('role')}] {_text(message['content'])}")
            continue
        steps.append("\n\n".join([*said, *_acts(message, where, f"messages[{index}]")]))
        said = []
    final, origin = row.get("final_label"), name_of(row.get("data_source")) or NAME
    if final is not None and integer(final) not in (-1, 0, 1):
        raise where.error(f"must be -1, 0 or 1, not {final!r}", field="final_label")
    number, query = name_of(row.get("total_index")), name_of(row.get("query_index"))
    fields = {
        "problem": question,
        "steps": steps,
        "labels": [rating_label(marked.get(i), neutral, where) for i in turns],
        "outcome": None if final is None else float(integer(final) == 1),
        "answer": name_of(row.get("answer_text")),
        "id": None if number is None else f"{origin}/{number}",
        "group": None if query is None else f"{origin}/{query}",
        "source": f"{NAME}/{origin}",
        "meta": {name: value for name, value in row.items() if name not in NOT_KEPT},
    }
    return [Trajectory.from_dict(fields, where)]


def _marked(labels, turns, n_messages, where):
    """The labels by message; null stands for none, as in tables that need a column an index."""
    if isinstance(labels, list):
        if len(labels) != n_messages:
            raise where.error(
                f"has {len(labels)} entries for {n_messages} messages", field="step_labels"
            )
        labels = dict(enumerate(labels))
    if not isinstance(labels, dict):
        raise where.error("must map indices of messages to labels", field="step_labels")
    found = {}
    for name, label in labels.items():
        if label is None:
            continue
        if not str(name).isdecimal() or int(name) not in turns:
            raise where.error(
                f"{name!r} is no message of the agent; those are {turns}",
                field="step_labels",
                remedy="messages count from 0, the system's too",
            )
        found[int(name)] = label
    return found


def _question(row, messages, where):
    """`(the task, index of the message that sets it)`."""
    users = [i for i, message in enumerate(messages) if message.get("role") == "user"]
    first = users[0] if users else -1
    question = row.get("question")
    if isinstance(question, str) and question.strip():
        return question, first
    if not users or not isinstance(messages[first].get("content"), str):
        raise where.error("is missing, and no user sets a task", field="question")
    return messages[first]["content"], first


def _acts(message, where, field):
    """The texts of a turn: what it says and what it calls."""
    calls = message.get("tool_calls")
    if isinstance(calls, str):
        try:
            calls = json.loads(calls) if calls.strip() else []
        except ValueError:
            calls = [calls]
    content = message.get("content")
    acts = [_text(content)] if content else []
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            acts.append(f"{function.get('name')}({_text(function.get('arguments'))})")
        else:
            acts.append(_text(call))
    if not any(act.strip() for act in acts):
        raise where.error("neither says nor calls anything", field=field)
    return acts


def _text(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
