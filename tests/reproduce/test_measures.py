"""Figures from step logits, by hand."""

import dataclasses

import numpy as np
import pytest

from prm_jax.records import Trajectory
from prm_jax.reproduce import measures


def candidate(group, outcome, labels=(1.0, 1.0), first_error=-1):
    return Trajectory(
        "1+1", ("a",) * len(labels), labels, first_error, outcome=outcome, group=group
    )


def test_best_of_n_by_hand():
    candidates = [candidate(g, o) for g, o in [("a", 0.0), ("a", 1.0), ("b", 1.0), ("b", 0.0)]]
    # Minima: a: -1 and 0, the second is chosen and right; b: -2 and 1, chosen and wrong.
    logits = [np.array(x) for x in ([-1.0, 3.0], [0.0, 0.0], [5.0, -2.0], [1.0, 1.0])]
    assert measures.best_of(2, candidates, logits) == measures.best_of(1, candidates, logits) == 0.5
    # The last step chooses the first of a, wrong, and the second of b, wrong.
    assert measures.best_of(2, candidates, logits, "last") == 0.0
    assert measures.pass_rate(candidates) == 0.5


def test_solutions_of_unlike_length_keep_their_own_steps():
    p_BS, mask_BS = measures.probabilities([np.zeros(1), np.array([0.0, np.log(3)])])
    np.testing.assert_allclose(p_BS[mask_BS], [0.5, 0.5, 0.75])
    assert mask_BS.tolist() == [[True, False], [True, True]]


def test_step_auroc_by_hand():
    rows = [candidate("a", 0.0, (1.0, 0.0)), candidate("a", 0.0, (1.0, 0.0))]
    logits = [np.array([2.0, 0.0]), np.array([1.0, 1.5])]  # 3 of 4 pairs in order
    assert measures.step_auroc(rows, logits) == pytest.approx(0.75)


def test_first_error_is_the_first_step_below_the_threshold():
    rows = [
        candidate("a", 0.0, (1.0, 0.0, 0.0), first_error=1),
        candidate("a", 1.0, (1.0, 1.0, 1.0)),
        candidate("a", 0.0, (0.0, 0.0, 0.0), first_error=0),
    ]
    logits = [np.array(x) for x in ([1.0, -1.0, -2.0], [1.0, 2.0, 0.5], [0.6, -1.0, -1.0])]
    assert measures.first_error_accuracy(rows, logits) == pytest.approx(2 / 3)
    found = measures.best_threshold(rows, logits, n=200)
    assert measures.first_error_accuracy(rows, logits, found) >= 2 / 3


def test_majority_is_over_the_answers_of_each_problem():
    rows = [("a", "1", 0.0), ("a", "2", 1.0), ("a", "1", 0.0), ("b", "3", 1.0), ("b", "4", 0.0)]
    candidates = [
        dataclasses.replace(candidate(group, outcome), answer=answer)
        for group, answer, outcome in rows
    ]
    assert measures.majority(candidates) == 0.5  # b: of a tie the first
    assert measures.majority(candidates[3:]) == 1.0
    assert measures.majority([candidates[3], candidates[4], candidates[4]]) == 0.0


def test_outcome_auroc_is_of_solutions_and_not_of_steps():
    candidates = [candidate("a", 1.0), candidate("a", 0.0)]
    logits = [np.array([1.0, 0.0]), np.array([-1.0, 2.0])]
    assert measures.outcome_auroc(candidates, logits) == 1.0
    assert measures.outcome_auroc(candidates, logits, "last") == 0.0
