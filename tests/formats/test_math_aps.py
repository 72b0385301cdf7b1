"""MATH-APS: both layouts give the same paths, with Monte Carlo values that are not rounded."""

import pytest

from prm_jax import formats
from prm_jax.errors import InputError
from prm_jax.records import Where


def node(text, value, *children):
    return {"text": text, "mc_value": value, "children": list(children)}


TREE = {
    "question": "q",
    "final_answer": "3",
    "question_id": 0,
    "reasoning_steps": node(
        "q",
        0.75,
        node("one", 0.0625, node("two", 0.3), node("three", 1.0)),
        node("oneness", 0.5),  # starts with the text of a sibling, but is not a step after it
        node("one", 0.9375),
    ),
}
FLAT = {
    **TREE,
    "reasoning_steps": [
        {"solution_prefix": f"q{text}", "mc_value": value}
        for text, value in (
            ("\n\n one\n\n three", 1.0),
            ("\n\n one", 0.0625),
            ("\n\n oneness", 0.5),
            ("", 0.75),
            ("\n\n one", 0.9375),
            ("\n\n one\n\n two", 0.3),
        )
    ],
}
PATHS = {
    ("one", "two"): (0.5, 0.3),
    ("one", "three"): (0.5, 1.0),
    ("oneness",): (0.5,),
}


def read(row, **options):
    return formats.FORMATS["math_aps"].read(row, Where("f.jsonl", 2), **options)


@pytest.mark.parametrize("row", [TREE, FLAT])
def test_every_leaf_is_a_path_and_equal_prefixes_count_as_one_with_their_mean(row):
    assert {t.steps: t.labels for t in read(row)} == PATHS


@pytest.mark.parametrize("row", [TREE, FLAT])
def test_once_labels_every_prefix_in_exactly_one_path(row):
    found = read(row, prefixes="once")
    assert {t.steps for t in found} == set(PATHS)
    labelled = [
        t.steps[: i + 1] for t in found for i, label in enumerate(t.labels) if label is not None
    ]
    prefixes = {steps[: i + 1] for steps in PATHS for i in range(len(steps))}
    assert sorted(labelled) == sorted(prefixes)


@pytest.mark.parametrize("row", [TREE, FLAT])
def test_paths_of_a_row_compete_and_the_value_of_the_question_is_kept(row):
    found = read(row)
    assert len({t.group for t in found}) == 1 and len({t.id for t in found}) == len(found)
    assert all(t.meta["mc_value"] == 0.75 and t.gold == "3" for t in found)


def test_rows_with_the_same_question_id_do_not_share_a_group():
    one, two = (
        formats.FORMATS["math_aps"].read(TREE, Where("f.jsonl", line))[0].group for line in (1, 2)
    )
    assert one != two


@pytest.mark.parametrize(
    ("steps", "field"),
    [
        (node("q", 2.0, node("a", 1.0)), "mc_value"),
        (node("q", 1.0, node("a", True)), "mc_value"),
        (node("q", 1.0, node(" ", 1.0)), "children"),
        (node("q", 1.0), "reasoning_steps"),
        ([{"solution_prefix": "other", "mc_value": 1.0}], "solution_prefix"),
        ([{"solution_prefix": "q a", "mc_value": None}], "mc_value"),
        ([{"solution_prefix": "q", "mc_value": 1.0}], "reasoning_steps"),
        (["q a"], "solution_prefix"),
    ],
)
def test_bad_nodes_and_prefixes_are_refused_with_line_and_field(steps, field):
    with pytest.raises(InputError, match=rf"f.jsonl:2: field '.*{field}"):
        read({**TREE, "reasoning_steps": steps})


def test_a_deep_search_does_not_exhaust_the_stack():
    deep = node("leaf", 1.0)
    for depth in range(3000):
        deep = node(f"step {depth}", 0.5, deep)
    (found,) = read({**TREE, "reasoning_steps": node("q", 0.5, deep)})
    assert len(found.steps) == 3001
