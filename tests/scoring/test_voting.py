import itertools

import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.scoring import voting
from prm_jax.scoring.answers import NO_ANSWER

SCORES = [0.3, 0.9, 0.9, None, 0.1]
CORRECT = [1, 0, 1, 1, 0]
ALL = np.ones((1, 5), bool)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_best_of_n_is_the_mean_over_all_subsets_with_ties_to_the_first(n):
    values = [-np.inf if s is None else s for s in SCORES]
    picked = [
        CORRECT[max(subset, key=lambda i: (values[i], -i))]
        for subset in itertools.combinations(range(5), n)
    ]
    assert voting.best_of_n(SCORES, CORRECT, n) == pytest.approx(np.mean(picked), abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("correct", [CORRECT, [0] * 5, [1] * 5, [0, 0, 0, 0, 1]])
def test_pass_at_n_is_the_share_of_subsets_with_a_right_candidate(n, correct):
    hits = [any(correct[i] for i in s) for s in itertools.combinations(range(5), n)]
    assert voting.pass_at_n(correct, n) == pytest.approx(np.mean(hits), abs=1e-12)


def test_n_above_the_number_of_candidates_takes_all():
    assert voting.best_of_n(SCORES, CORRECT, 99) == voting.best_of_n(SCORES, CORRECT, 5)
    assert voting.pass_at_n(CORRECT, 99) == 1
    with pytest.raises(InputError):
        voting.pass_at_n(CORRECT, 0)


def test_the_majority_wins_and_its_first_candidate_stands_for_it():
    assert voting.vote([0, 1, 1, 2, 2], np.ones(5), ALL) == [1]


def test_equal_votes_go_to_the_answer_seen_first_in_the_subset():
    mask = np.array([[1, 1, 0, 1, 0], [0, 0, 1, 1, 1], [1, 1, 1, 1, 1]], bool)
    assert voting.vote([0, 1, 0, 1, 0], np.ones(5), mask).tolist() == [1, 2, 0]


def test_weights_decide_over_numbers():
    assert voting.vote([0, 0, 1, 1, 1], [0.9, 0.9, 0.5, 0.5, 0.5], ALL) == [0]


def test_candidates_without_an_answer_do_not_vote():
    classes = [NO_ANSWER, NO_ANSWER, NO_ANSWER, 0, NO_ANSWER]
    assert voting.vote(classes, np.ones(5), ALL) == [3]
    assert voting.vote([NO_ANSWER] * 5, np.ones(5), ALL) == [-1]
    assert voting.vote_accuracy([NO_ANSWER] * 5, np.ones(5), np.ones(5), ALL) == 0


def test_an_answer_outside_the_subset_cannot_win_even_if_all_weights_are_0():
    mask = np.array([[0, 0, 1, 1, 0]], bool)
    assert voting.vote([0, 0, 1, 1, 0], np.zeros(5), mask) == [2]


def test_negative_weights_are_refused():
    with pytest.raises(InputError, match="negative"):
        voting.vote([0, 0, 1, 1, 1], [1, 1, -1, 1, 1], ALL)


def test_random_subsets_have_n_members_and_favour_nobody():
    mask = voting.subsets(6, 2, 6000, np.random.default_rng(0))
    assert (mask.sum(axis=1) == 2).all()
    np.testing.assert_allclose(mask.mean(axis=0), 1 / 3, atol=0.03)
    assert voting.subsets(6, 9, 50, np.random.default_rng(0)).tolist() == [[True] * 6]
    assert voting.prefix(4, 3).tolist() == [[True, True, True, False]]


def test_votes_over_random_subsets_approach_the_mean_over_all():
    classes, correct = [0, 1, 1, 2, 0], np.array([0, 1, 1, 0, 0])
    exact = [
        correct[voting.vote(classes, np.ones(5), np.isin(np.arange(5), s)[None])[0]]
        for s in itertools.combinations(range(5), 3)
    ]
    mask = voting.subsets(5, 3, 20000, np.random.default_rng(1))
    drawn = voting.vote_accuracy(classes, np.ones(5), correct, mask)
    assert drawn == pytest.approx(np.mean(exact), abs=0.015)
