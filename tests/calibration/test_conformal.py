"""Conformal sets: what they promise, by simulation, and against independent values."""

import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from scipy import stats
from sklearn.linear_model import LogisticRegression

from prm_jax.calibration.conformal import (
    adaptive_scores,
    adaptive_sets,
    conformal_quantile,
    label_p_values,
    row_uniforms,
    tune_penalty,
)


def test_the_quantile_is_the_published_place():
    ascending = np.arange(1.0, 20)
    assert conformal_quantile(ascending, 0.95) == 19  # ceil(0.95 * 20)
    assert conformal_quantile(ascending[:-1], 0.95) == np.inf
    assert conformal_quantile(ascending[:9], 0.9) == 9
    assert conformal_quantile(ascending[::-1], 0.55) == 11  # 0.55 * 20 is 11.000000000000002
    assert conformal_quantile(np.zeros(0), 0.9) == np.inf


def test_every_class_is_covered_as_often_as_was_asked_for_where_one_quantile_is_not_enough():
    """Class 1 is rarer and fits worse, so one quantile for all leaves it out too often."""
    rng, alpha, conditional, marginal = np.random.default_rng(0), 0.9, [], []

    def draw(n):
        label = (rng.random(n) < 0.2).astype(int)
        logit = np.where(label, rng.normal(0.3, 2, n), rng.normal(-3, 1, n))
        right = 1 / (1 + np.exp(-logit))
        return np.stack([1 - right, right], -1), label

    for _ in range(400):
        (prob, label), (new, truth) = draw(200), draw(200)
        p_values = label_p_values(new, [np.sort(1 - prob[label == c, c]) for c in (0, 1)])
        covered = p_values[np.arange(200), truth] > 1 - alpha
        conditional.append([covered[truth == c].mean() for c in (0, 1)])
        one = conformal_quantile(1 - prob[np.arange(200), label], alpha)
        marginal.append((1 - new[truth == 1, 1] <= one).mean())
    mean, error = np.mean(conditional, 0), np.std(conditional, 0) / 20
    assert (mean > alpha - 3 * error).all()
    assert (mean < alpha + 1 / 30 + 3 * error).all()
    assert np.mean(marginal) < 0.75


def test_a_p_value_counts_the_rows_that_fit_no_better_and_the_row_itself():
    scores = [np.array([0.1, 0.2, 0.2, 0.4]), np.array([0.5])]
    found = label_p_values(np.array([[0.8, 0.2], [0.3, 0.7]]), scores)
    np.testing.assert_allclose(found, [[4 / 5, 1 / 2], [1 / 5, 1]])


def test_a_p_value_above_one_minus_alpha_is_a_score_within_the_quantile():
    rng = np.random.default_rng(0)
    for alpha in (0.6, 0.8, 0.9, 0.95):
        for n in range(1, 45):
            scores, new = np.sort(rng.integers(0, 30, n) / 32), rng.integers(0, 30, 50) / 32
            p_values = label_p_values(1 - new[:, None], [scores])[:, 0]
            within = new <= conformal_quantile(scores, alpha)
            np.testing.assert_array_equal(p_values > round(1 - alpha, 10), within)


def test_adaptive_scores_of_hand_made_rows():
    prob = np.array([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.25, 0.5, 0.25]])
    u = np.array([0.5, 0.0, 1.0])
    aps = [[0.25, 0.65, 0.9], [0.8, 0.0, 0.5], [0.75, 0.5, 1.0]]
    np.testing.assert_allclose(adaptive_scores(prob, u), aps)
    penalty = [[0, 0.1, 0.2], [0.2, 0, 0.1], [0.1, 0, 0.2]]
    np.testing.assert_allclose(adaptive_scores(prob, u, 0.1, 1), np.add(aps, penalty))
    np.testing.assert_allclose(
        adaptive_scores(prob, u, 0.1, 2), np.add(aps, np.maximum(0, np.subtract(penalty, 0.1)))
    )
    sets = adaptive_sets(np.array(aps), prob, 0.2)
    np.testing.assert_array_equal(sets, [[1, 0, 0], [0, 1, 0], [0, 1, 0]])


def test_adaptive_sets_are_those_of_mapie_with_the_same_random_numbers():
    """With three classes: MAPIE has none of these sets for two."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 600)
    x = rng.normal(size=(600, 2)) + 1.2 * np.array([[1, 0], [-1, 0], [0, 1]])[label]
    model = LogisticRegression().fit(x[:200], label[:200])
    mapie = SplitConformalClassifier(model, 0.9, "aps", random_state=7)
    mapie.conformalize(x[200:400], label[200:400])
    _, theirs = mapie.predict_set(x[400:], {"include_last_label": "randomized"})

    u = 1 - np.random.RandomState(7).uniform(size=200)
    prob = model.predict_proba(x)
    own = adaptive_scores(prob[200:400], u)[np.arange(200), label[200:400]]
    sets = adaptive_scores(prob[400:], u) <= conformal_quantile(own, 0.9)
    np.testing.assert_array_equal(sets, theirs[:, :, 0])
    assert set(sets.sum(-1)) == {1, 2, 3}


def test_adaptive_sets_cover_as_often_as_was_asked_for_and_not_much_more():
    rng, alpha, covered = np.random.default_rng(0), 0.9, []
    for seed in range(300):
        x, label = rng.normal(size=(400, 1)), rng.integers(0, 2, 400)
        x[:, 0] += np.where(label, 0.8, -0.8)
        right = 1 / (1 + np.exp(-4 * x[:, 0]))  # too sure of itself
        scores = adaptive_scores(np.stack([1 - right, right], -1), row_uniforms(x, seed))
        own = scores[np.arange(400), label]
        covered.append((own[200:] <= conformal_quantile(own[:200], alpha)).mean())
    error = np.std(covered) / np.sqrt(300)
    assert alpha - 3 * error < np.mean(covered) < alpha + 1 / 201 + 3 * error


def test_a_penalty_is_for_ranks_that_are_rarely_the_true_one():
    rng = np.random.default_rng(0)
    prob = np.tile([0.6, 0.4], (200, 1)) + rng.normal(size=(200, 1)) * [0.03, -0.03]
    u = rng.random(200)
    often_second, rarely_second = (np.arange(200) % k == 0 for k in (4, 50))
    assert tune_penalty(prob, often_second.astype(int), u, 0.9)[1] == 2
    strength, free_ranks = tune_penalty(prob, rarely_second.astype(int), u, 0.9)
    assert free_ranks == 1 and strength in (0.001, 0.01, 0.1, 0.2, 0.5)


def test_random_numbers_of_rows_belong_to_the_row_and_the_seed_and_are_uniform():
    features = np.random.default_rng(0).normal(size=(2000, 3)).astype(np.float32)
    u = row_uniforms(features, 0)
    np.testing.assert_array_equal(row_uniforms(features[::-1], 0)[::-1], u)
    assert abs(np.corrcoef(u, row_uniforms(features, 1))[0, 1]) < 0.1
    assert stats.kstest(u, "uniform").pvalue > 0.01
    with pytest.raises(OverflowError):
        row_uniforms(features, -1)
