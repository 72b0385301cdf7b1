"""Certified thresholds: what they promise, by simulation, and against independent values."""

import numpy as np
import pytest
from mapie.risk_control import FWERFixedSequenceTesting, control_fwer
from scipy import stats

from prm_jax.calibration.selective_risk import (
    certified,
    certified_threshold,
    p_values,
    thresholds,
)


def test_a_p_value_is_the_exact_binomial_one():
    score, label = np.linspace(0, 1, 200), np.zeros(200, int)
    prediction = (np.arange(200) % 40 == 0).astype(int)
    found = p_values(score, prediction, label, [0.0, 0.5, 2.0], 0.9)
    expected = [stats.binomtest(k, n, 0.1, "less").pvalue for k, n in ((5, 200), (2, 100))]
    np.testing.assert_allclose(found, [*expected, 1.0])


def test_with_every_cell_the_worst_one_decides():
    label = np.array([0] * 150 + [1] * 50)
    prediction = np.where(np.arange(200) >= 190, 0, label)  # class 1 is right in 40 of 50
    found = p_values(np.ones(200), prediction, label, [0.5], 0.9, "every")
    assert found == stats.binom.cdf(10, 50, 0.1)
    assert p_values(np.ones(200), prediction, label, [0.5], 0.9) == stats.binom.cdf(10, 200, 0.1)
    never_one = np.zeros(200, int)
    assert p_values(np.ones(200), never_one, label, [0.5], 0.6, "every") == 1


def test_walks_reject_what_mapies_fixed_sequences_reject():
    rng = np.random.default_rng(0)
    for starts in (1, 2, 5):
        for _ in range(50):
            p_value = rng.random(20) ** 4
            theirs = control_fwer(p_value, 0.2, FWERFixedSequenceTesting(starts))
            np.testing.assert_array_equal(np.flatnonzero(certified(p_value, 0.2, starts)), theirs)


def test_false_rejections_are_as_rare_as_was_asked_for():
    rng = np.random.default_rng(0)
    wrong = [certified(rng.random(57), 0.1).any() for _ in range(4000)]
    assert np.mean(wrong) < 0.1 + 3 * np.sqrt(0.09 / 4000)


@pytest.mark.parametrize("cells", ["all", "every"])
def test_the_selective_error_is_above_the_promised_in_at_most_delta_of_the_draws(cells):
    """The truth is known: a score s is a probability, and errs with exactly 1 - s^2 (too sure)."""
    alpha, delta, draws, n = 0.9, 0.1, 600, 600
    rng = np.random.default_rng(0)

    def draw(n):
        prediction = rng.integers(0, 2, n)
        score = 1 / (1 + np.exp(-rng.gumbel(3, 2, n).clip(0)))
        right = rng.random(n) < score ** np.where(prediction, 3, 1)  # worse where it says 1
        return score, prediction, np.where(right, prediction, 1 - prediction)

    score, prediction, label = draw(400_000)
    error = prediction != label
    cells_of = [np.ones(len(error), bool)]
    if cells == "every":
        cells_of += [of == c for of in (prediction, label) for c in (0, 1)]
    worst, share = {}, {}
    for threshold in thresholds(2):
        kept = score >= threshold
        share[threshold] = kept.mean()
        worst[threshold] = max(error[kept & cell].mean() for cell in cells_of)
    found = [certified_threshold(*draw(n), 2, alpha, delta, cells) for _ in range(draws)]
    found = [threshold for threshold in found if threshold is not None]
    broken = sum(worst[threshold] > 1 - alpha for threshold in found)
    assert broken / draws < delta + 3 * np.sqrt(delta * (1 - delta) / draws)
    assert len(found) > 0.9 * draws and np.mean([share[t] for t in found]) > 0.25


def test_too_few_rows_certify_nothing():
    right = np.zeros(60, int)
    assert certified_threshold(np.full(60, 0.99), right, right, 2, 0.95, 0.1) is None
    right = np.zeros(100, int)
    assert certified_threshold(np.full(100, 0.99), right, right, 2, 0.95, 0.1) == 0.0


def test_thresholds_fall_and_end_with_all_rows():
    for n_classes in (2, 3, 5):
        grid = thresholds(n_classes)
        assert (np.diff(grid) < 0).all() and grid[-1] == 0 and grid[-2] > 1 / n_classes
