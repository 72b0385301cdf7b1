"""MATH-APS, the Monte Carlo data of openr (arXiv:2410.09671), made as OmegaPRM (arXiv:2406.06592).

A row is a question with every prefix of a solution that was rolled out from, and the fraction of
its rollouts that reached the true answer (`mc_value`). Two layouts hold the same search:

- tree: `reasoning_steps` is a node `{text, mc_value, children}`; the root is the question.
- flat: `reasoning_steps` is a list of `{solution_prefix, mc_value}`, each prefix with the question
  in front. A prefix continues the longest other one that it starts with, up to a blank.

Both become one trajectory for each path from the first step to a prefix that nothing continues.
`mc_value` is a soft label and is never rounded. A prefix that occurs more than once counts as one,
labelled with the mean of its values. The value of the question itself is `meta['mc_value']`.
"""

from prm_jax.errors import InputError
from prm_jax.json_values import number
from prm_jax.records import Trajectory

NAME = "math_aps"
STEPS = "reasoning_steps"
PREFIXES = ("repeated", "once")


class Node:
    """One prefix: the values measured at it, and what continues it by text."""

    def __init__(self):
        self.values: list[float] = []
        self.children: dict[str, Node] = {}


def detect(row):
    """Whether a row looks like this format."""
    return isinstance(row.get(STEPS), dict | list) and "question" in row


def read(row, where, prefixes="repeated"):
    """One trajectory a path.

    Args:
        row: parsed JSON.
        where: its place.
        prefixes: 'repeated' labels a step in every path through it, so that steps which many paths
            share weigh more; 'once' labels it in the first of them and leaves it unlabelled in the
            others, so that every prefix counts once.

    Raises:
        InputError: names the field.
    """
    if prefixes not in PREFIXES:
        raise InputError(
            f"unknown policy {prefixes!r}",
            field="prefixes",
            remedy=f"one of {', '.join(PREFIXES)}",
        )
    question, raw = row.get("question"), row.get(STEPS)
    if not isinstance(question, str):
        raise where.error("must be a string", field="question")
    if isinstance(raw, dict):
        root = _from_tree(raw, where)
    elif isinstance(raw, list):
        root = _from_prefixes(question, raw, where)
    else:
        raise where.error("must be a node or a list of prefixes", field=STEPS)
    if not root.children:
        raise where.error("holds no step", field=STEPS)
    group = where.name  # not question_id: published files give different questions the same one
    not_kept = ("question", "final_answer", STEPS)
    meta = {name: value for name, value in row.items() if name not in not_kept}
    if root.values:
        meta["mc_value"] = _mean(root.values)
    shared = {"problem": question, "gold": row.get("final_answer"), "group": group, "source": NAME}
    return [
        Trajectory.from_dict(
            {**shared, "steps": steps, "labels": labels, "id": f"{group}/{index}", "meta": meta},
            where,
        )
        for index, (steps, labels) in enumerate(_paths(root, prefixes == "once"))
    ]


def write(trajectory):
    """The flat row of one fully labelled trajectory.

    Raises:
        ValueError: a step has no label, which this format cannot say.
    """
    labels = trajectory.step_labels()
    if None in labels:
        raise ValueError("MATH-APS rows need a label at every step")
    prefix, rows = trajectory.problem, []
    for step, label in zip(trajectory.steps, labels):
        prefix = f"{prefix}\n\n{step}"
        rows.append({"solution_prefix": prefix, "mc_value": label})
    return {
        "question": trajectory.problem,
        "final_answer": trajectory.gold,
        STEPS: rows,
    }


def _from_tree(raw, where):
    root = Node()
    waiting = [(root, raw, STEPS)]
    while waiting:  # not recursive: a search may be deep
        node, entry, field = waiting.pop(0)
        node.values.append(_value(entry.get("mc_value"), f"{field}.mc_value", where))
        children = entry.get("children") or []
        if not isinstance(children, list):
            raise where.error("must be a list", field=f"{field}.children")
        for index, child in enumerate(children):
            name = f"{field}.children[{index}]"
            text = child.get("text") if isinstance(child, dict) else None
            if not isinstance(text, str) or not text.strip():
                raise where.error("must be a node with a text", field=name)
            waiting.append((node.children.setdefault(text.strip(), Node()), child, name))
    return root


def _from_prefixes(question, raw, where):
    values: dict[str, list[float]] = {}
    for index, entry in enumerate(raw):
        field = f"{STEPS}[{index}]"
        text = entry.get("solution_prefix") if isinstance(entry, dict) else None
        if not isinstance(text, str) or not text.startswith(question):
            raise where.error("must start with the question", field=f"{field}.solution_prefix")
        value = _value(entry.get("mc_value"), f"{field}.mc_value", where)
        values.setdefault(text[len(question) :].strip(), []).append(value)
    root = Node()
    root.values = values.pop("", [])
    open_nodes = [("", root)]  # the prefixes of the current one; sorting puts them right before it
    for text in sorted(values):
        while not _continues(text, open_nodes[-1][0]):
            open_nodes.pop()
        prefix, parent = open_nodes[-1]
        node = parent.children.setdefault(text[len(prefix) :].strip(), Node())
        node.values = values[text]
        open_nodes.append((text, node))
    return root


def _continues(text, prefix):
    """Whether `text` is `prefix`, a blank and more; one cut inside a word is no step of another."""
    return not prefix or (text.startswith(prefix) and text[len(prefix)].isspace())


def _value(value, field, where):
    found = number(value)
    if found is None or not 0 <= found <= 1:
        raise where.error(f"must be a number in [0, 1], not {value!r}", field=field)
    return float(found)


def _mean(values):
    return sum(values) / len(values)


def _paths(root, once):
    """Yields `(steps, labels)` of every path, depth first in the order of the row."""
    labelled: set[int] = set()
    waiting: list[tuple[tuple[str, ...], tuple[Node, ...], Node]] = [((), (), root)]
    while waiting:
        steps, nodes, node = waiting.pop()
        if not node.children:
            known = [not once or id(n) not in labelled for n in nodes]
            labelled.update(id(n) for n in nodes)
            yield list(steps), [_mean(n.values) if k else None for n, k in zip(nodes, known)]
        for text, child in reversed(node.children.items()):
            waiting.append(((*steps, text), (*nodes, child), child))
