import dataclasses

import numpy as np
import pytest

from prm_jax.data.node_compression import (
    compress,
    compressed_examples,
    step_tree,
    tree_examples,
    walk,
)
from prm_jax.errors import InputError
from prm_jax.formats import math_aps
from prm_jax.records import Trajectory, Where

SOLUTIONS = {"k": (1, 0, 0), "l": (1, 1), "m": (0,), "n": (1, 0)}
"""The outcomes of the solutions below each child of one step."""


def solution(outcome, *steps):
    return Trajectory("q", steps, labels=(None,) * (len(steps) - 1) + (float(outcome),))


def trajectories():
    below = [
        solution(outcome, "g", "p", child, f"end {i}")
        for child, outcomes in SOLUTIONS.items()
        for i, outcome in enumerate(outcomes)
    ]
    return [*below, solution(1, "g", "other")]


def scores(root):
    return {node.text: node.score() for node in walk(root)}


class Fixed:
    """Draws that always merge, and take the second child."""

    def random(self):
        return 0.0

    def integers(self, n):
        return 1


def test_a_score_is_the_mean_outcome_of_the_solutions_below():
    found = scores(step_tree(trajectories()))
    assert found["p"] == 4 / 8 and found["g"] == 5 / 9
    assert [found[child] for child in "klmn"] == [1 / 3, 1, 0, 1 / 2]


def test_the_worked_example_of_one_step_moved_up():
    root = step_tree(trajectories())
    assert compress(root, Fixed()) == 1
    found = scores(root)
    assert found["p"] == pytest.approx(2 / 6)
    assert found["p\n\nl"] == 1
    assert found["g"] == 5 / 9
    assert "l" not in found


def test_only_steps_with_enough_children_lose_one_and_first_steps_stay():
    wide = [solution(i % 2, first, f"{first}{i}") for first in "ab" for i in range(4)]
    wide += [solution(1, first) for first in "cd"]
    root = step_tree(wide)
    assert compress(root, np.random.default_rng(0), probability=1) == 2
    assert sorted(len(node.children) for node in root.children) == [0, 0, 0, 0, 3, 3]
    assert compress(step_tree(wide), np.random.default_rng(0), probability=0) == 0
    assert compress(step_tree(wide), Fixed(), min_children=5) == 0


@pytest.mark.parametrize("seed", range(5))
def test_compression_loses_no_solution_and_merges_no_step_twice(seed):
    rng = np.random.default_rng(seed)
    rows = [solution(rng.integers(2), *rng.choice(list("abcdef"), size=4)) for _ in range(300)]
    root = step_tree(rows)
    before = sorted(outcome for node in walk(root) for outcome in node.outcomes)
    texts = sorted("\n\n".join(t.steps) for t in rows)
    assert compress(root, rng) > 10
    assert sorted(outcome for node in walk(root) for outcome in node.outcomes) == before
    assert max(node.text.count("\n\n") for node in walk(root)) == 1
    assert root.score() == pytest.approx(np.mean(before))
    paths = {"\n\n".join(t.steps) for t in tree_examples(root, "q")}
    assert paths <= set(texts)


def test_every_node_is_labelled_once():
    root = step_tree(trajectories())
    examples = tree_examples(root, "q")
    labels = [label for t in examples for label in t.labels if label is not None]
    assert len(labels) == sum(1 for _ in walk(root)) - 1
    assert examples[0].steps == ("g", "p", "k", "end 0")
    assert examples[0].labels == (5 / 9, 1 / 2, 1 / 3, 1.0)
    assert examples[1].labels == (None, None, None, 0.0)


def test_solutions_of_two_problems_or_without_an_outcome_are_refused():
    with pytest.raises(InputError, match="several problems"):
        step_tree([solution(1, "a"), Trajectory("r", ("a",), labels=(1.0,))])
    with pytest.raises(InputError, match="no label"):
        step_tree([Trajectory("q", ("a",))])


def test_the_paths_of_a_math_aps_row_can_be_compressed():
    values = {"a": 0.5, "a\n\nb": 0.6, **{f"a\n\nb\n\n{x}": i / 4 for i, x in enumerate("vwxyz")}}
    prefixes = [{"solution_prefix": f"q\n\n{text}", "mc_value": v} for text, v in values.items()]
    row = {"question": "q", "final_answer": "1", "reasoning_steps": prefixes}
    root = step_tree(math_aps.read(row, Where("rows.jsonl", 1)))
    assert scores(root) == {
        "": 0.5,
        "a": 0.5,
        "b": 0.5,
        "v": 0,
        "w": 0.25,
        "x": 0.5,
        "y": 0.75,
        "z": 1,
    }
    assert compress(root, Fixed()) == 1
    assert scores(root)["b\n\nw"] == 0.25 and scores(root)["b"] == pytest.approx(2.25 / 4)


def test_a_step_that_would_be_left_without_any_child_is_not_allowed():
    with pytest.raises(InputError, match="leave none"):
        compress(step_tree(trajectories()), Fixed(), min_children=1)


def test_trees_of_several_problems_stay_apart_and_small_ones_give_nothing():
    rows = [dataclasses.replace(t, problem=p) for p in "qr" for t in trajectories()]
    small = [Trajectory("s", ("a", "b"), labels=(None, 1.0))]
    found = compressed_examples([*rows, *small], Fixed())
    assert {t.problem for t in found} == {"q", "r"}
    assert [t.steps for t in found[:9]] == [t.steps for t in found[9:]]
    assert sum("p\n\nl" in t.steps for t in found) == 4
