"""Hierarchical node compression (HNC): more training examples from a tree of solutions.

Source: HRM. The steps of sampled solutions of one problem form a tree; a node's score is the mean
outcome of the solutions below it. In a copy of the tree, some steps are merged with the step before
them and moved up to the step before that:

    ... - g - p - c - ...   becomes   ... - g - "p\\n\\nc" - ...   with what is below c

p loses the solutions below c and gets another score, a controlled noise; g keeps its own. Train on
the examples of the tree and of its copy.

Two faults of the released code are left out: there a moved node may be merged again, and the nodes
below it keep their old depth.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from prm_jax.data.merged_steps import JOINER
from prm_jax.errors import InputError
from prm_jax.records import Trajectory


class Node:
    """A step in the tree, or the problem at its root.

    Fields:
        text: the step. parent: None for the root. children: in order.
        outcomes: of the solutions that end here. merged: whether compression made it.
    """

    def __init__(self, text: str = "", parent: Node | None = None):
        self.text, self.parent = text, parent
        self.children: list[Node] = []
        self.outcomes: list[float] = []
        self.merged = False

    def score(self) -> float:
        """The mean outcome of all solutions that end here or below."""
        outcomes = [outcome for node in walk(self) for outcome in node.outcomes]
        return sum(outcomes) / len(outcomes)


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, each before what it holds."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(node.children)


def step_tree(trajectories: Sequence[Trajectory]) -> Node:
    """Joins solutions of one problem where they begin with the same steps.

    Args:
        trajectories: solutions with a label in [0, 1] at the last step, the outcome; other labels
            are not read. The paths of a MATH-APS row will do: each counts as one solution whose
            outcome is its last value. UNSURE: how many rollouts such a value stands for.

    Returns:
        The root.

    Raises:
        InputError: there are several problems, or a last step has no label.
    """
    if len({trajectory.problem for trajectory in trajectories}) > 1:
        raise InputError("a tree of several problems", field="problem", remedy="build one for each")
    root = Node()
    for trajectory in trajectories:
        node, outcome = root, trajectory.step_labels()[-1]
        if outcome is None:
            raise InputError(
                f"the last step of {trajectory.id or trajectory.steps[-1]!r} has no label",
                field="labels",
            )
        for step in trajectory.steps:
            same = [child for child in node.children if child.text == step]
            if not same:
                same = [Node(step, node)]
                node.children += same
            node = same[0]
        node.outcomes.append(outcome)
    return root


def compress(
    root: Node,
    rng: np.random.Generator,
    *,
    probability: float = 0.5,
    min_children: int = 4,
    joiner: str = JOINER,
) -> int:
    """Merges and moves steps, in place; build the tree again for the one before.

    Every step with enough children is taken at most once, from the top down, and moves at most one
    of them.

    Args:
        root: as `step_tree` gives it.
        rng: draws which steps, and which of their children.
        probability: of a step with enough children.
        min_children: how many are enough, at least 2, so that a step keeps one.
        joiner: text between merged steps.

    Returns:
        How many steps were merged.

    Raises:
        InputError: fewer than 2 children are enough.
    """
    if min_children < 2:
        raise InputError(
            f"{min_children} children leave none", field="min_children", remedy="give 2 or more"
        )
    moved = 0
    for node in list(walk(root)):
        if node.parent is None or node.merged or len(node.children) < min_children:
            continue
        if rng.random() < probability:
            child = node.children.pop(int(rng.integers(len(node.children))))
            child.text, child.merged = node.text + joiner + child.text, True
            child.parent = node.parent
            node.parent.children.append(child)
            moved += 1
    return moved


def tree_examples(root: Node, problem: str) -> list[Trajectory]:
    """One trajectory a leaf, labelled with the scores of its nodes.

    Args:
        root: as `step_tree` gives it, compressed or not.
        problem: what the solutions solve.

    Returns:
        Depth first. A step that several leaves share has its label in the first of them and none in
        the others, so that every node counts once.
    """
    labelled: set[int] = set()
    examples = []
    for leaf in walk(root):
        if leaf.children or leaf.parent is None:
            continue
        nodes, node = [], leaf
        while node.parent is not None:
            nodes.append(node)
            node = node.parent
        nodes.reverse()
        labels = tuple(None if id(node) in labelled else node.score() for node in nodes)
        labelled.update(map(id, nodes))
        examples.append(Trajectory(problem, tuple(node.text for node in nodes), labels))
    return examples


def compressed_examples(
    trajectories: Sequence[Trajectory], rng: np.random.Generator, **options
) -> list[Trajectory]:
    """The examples of the compressed trees of many problems.

    Args:
        trajectories: as `step_tree` takes them, of any number of problems and groups.
        rng: as in `compress`, which also takes `options`.

    Returns:
        Those of each tree in which a step was merged; group and source are those of its solutions.

    Raises:
        InputError: as `step_tree` and `compress`.
    """
    trees: dict[tuple, list[Trajectory]] = {}
    for trajectory in trajectories:
        trees.setdefault((trajectory.group, trajectory.problem), []).append(trajectory)
    found = []
    for (group, problem), solutions in trees.items():
        root = step_tree(solutions)
        if compress(root, rng, **options):
            found += [
                dataclasses.replace(example, group=group, source=solutions[0].source)
                for example in tree_examples(root, problem)
            ]
    return found
