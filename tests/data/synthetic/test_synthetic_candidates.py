"""Candidate sets have the accuracy, shared mistakes and lucky answers that were asked for."""

from collections import Counter
from itertools import groupby

import numpy as np
import pytest

from prm_jax.data.synthetic import FAMILIES, check, make_candidates
from prm_jax.errors import InputError


def _groups(items):
    return [list(group) for _, group in groupby(items, key=lambda item: item.group)]


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_candidates_of_a_problem_share_its_text_and_gold_and_their_labels_hold(family):
    items = make_candidates(family, 30, 8, 0, after_error="local")
    groups = _groups(items)
    assert [len(group) for group in groups] == [8] * 30
    for group in groups:
        assert len({(item.problem, item.gold, item.meta["accuracy"]) for item in group}) == 1
    assert len({item.id for item in items}) == len(items)
    assert [check(item) for item in items] == [list(item.labels) for item in items]
    assert all(item.outcome == float(item.answer == item.gold) for item in items)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_mean_accuracy_is_the_one_asked_for(family):
    items = make_candidates(family, 400, 4, 1, accuracy=0.4, concentration=20)
    p = np.array([group[0].meta["accuracy"] for group in _groups(items)])
    assert abs(p.mean() - 0.4) <= 4 * np.sqrt(0.24 / 21 / 400)
    assert abs(np.mean([item.outcome for item in items]) - 0.4) <= 4 * np.sqrt(0.24 / 1600)


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_extreme_accuracies_are_exact(accuracy):
    items = make_candidates("dyck", 20, 8, 1, accuracy=accuracy)
    assert {item.outcome for item in items} == {accuracy}


def test_concentration_sets_how_much_problems_differ():
    wide, narrow = (
        np.std(
            [
                g[0].meta["accuracy"]
                for g in _groups(make_candidates("dyck", 300, 1, 2, concentration=c))
            ]
        )
        for c in (1.0, 100.0)
    )
    np.testing.assert_allclose(wide, np.sqrt(0.25 / 2), rtol=0.15)
    np.testing.assert_allclose(narrow, np.sqrt(0.25 / 101), rtol=0.15)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_shared_mistakes_mislead_the_majority(family):
    def misled(rate):
        items = make_candidates(family, 80, 16, 3, accuracy=0.4, shared_error_rate=rate)
        votes = [
            Counter(item.answer for item in group).most_common(1)[0][0] for group in _groups(items)
        ]
        return np.mean([vote != group[0].gold for vote, group in zip(votes, _groups(items))])

    assert misled(1.0) > misled(0.0) + 0.1


def test_candidates_with_the_shared_mistake_give_one_answer():
    for group in _groups(make_candidates("arithmetic", 60, 12, 4, accuracy=0.3)):
        shared = {item.answer for item in group if item.meta["shared_error"]}
        assert len(shared) <= 1 and group[0].gold not in shared


def test_wrong_process_rate_is_the_share_of_right_answers_with_an_error():
    items = make_candidates("arithmetic", 200, 8, 5, accuracy=0.6, wrong_process_rate=0.25)
    right = [item for item in items if item.outcome == 1]
    kinds = {item.meta["error_kind"] for item in right if item.first_error >= 0}
    share = np.mean([item.first_error >= 0 for item in right])
    assert abs(share - 0.25) <= 4 * np.sqrt(0.1875 / len(right))
    assert kinds == {"lucky_cancellation", "self_corrected"}
    assert all(item.first_error >= 0 for item in items if item.outcome == 0)


def test_a_longer_list_of_problems_starts_with_the_shorter_one():
    assert make_candidates("dyck", 12, 3, 5)[:15] == make_candidates("dyck", 5, 3, 5)


@pytest.mark.parametrize(
    "options, field",
    [
        ({"accuracy": 1.2}, "accuracy"),
        ({"concentration": 0.0}, "concentration"),
        ({"shared_error_rate": -0.1}, "shared_error_rate"),
        ({"wrong_process_rate": 2}, "wrong_process_rate"),
        ({"n_problems": -1}, "n_problems"),
        ({"kinds": ["lucky_cancellation"]}, "kinds"),
    ],
)
def test_an_argument_out_of_range_is_named(options, field):
    with pytest.raises(InputError, match=f"field '{field}'"):
        make_candidates(
            **{"family": "dyck", "n_problems": 2, "n_candidates": 4, "seed": 0, **options}
        )
