"""Labels that know less than the truth, against closed forms and simulation."""

import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.reproduce.chains import ChainOptions, draw
from prm_jax.reproduce.label_sources import (
    Completer,
    exact_values,
    flip_labels,
    monte_carlo_labels,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_values_follow_the_closed_form_without_repair():
    values = Completer(accuracy=0.9, luck=0.25).values(5)
    k = np.arange(6)
    np.testing.assert_allclose(values[:, 1], 0.9**k + (1 - 0.9**k) * 0.25)
    np.testing.assert_allclose(values[:, 0], 0.25)


def test_values_follow_two_steps_by_hand():
    values = Completer(accuracy=0.8, repair=0.3, luck=0.1).values(2)
    right_1, wrong_1 = 0.8 + 0.2 * 0.1, 0.3 + 0.7 * 0.1
    expected = [0.3 * right_1 + 0.7 * wrong_1, 0.8 * right_1 + 0.2 * wrong_1]
    np.testing.assert_allclose(values[2], expected)


def test_values_are_the_rate_at_which_chains_end_right():
    # Operands "+" cannot hide an error; a second error hits the true number once in 9 times.
    options = ChainOptions(min_steps=5, max_steps=5, error_rate=0.2, repair_rate=0.25)
    chains = draw(20000, options, rng())
    completer = Completer(accuracy=0.8, repair=0.25 + 0.75 * 0.2 / 9)
    assert chains.outcome_N.mean() == pytest.approx(completer.values(5)[5, 1], abs=0.01)
    # From each state after the first step, too.
    state_N, values_N = chains.labels("state")[:, 0], exact_values(chains, completer)[:, 0]
    for state in (False, True):
        rate = chains.outcome_N[state_N == state].mean()
        assert rate == pytest.approx(values_N[state_N == state][0], abs=0.02)


def test_hard_monte_carlo_labels_err_at_the_rates_of_the_closed_forms():
    options = ChainOptions(min_steps=3, max_steps=3, error_rate=0.5, slip=1, copied=0)
    chains, completer, n = draw(20000, options, rng()), Completer(0.6, 0.1, 0.05), 4
    hard_NS = monte_carlo_labels(chains, completer, n, rng(1)) > 0
    state_NS, values = chains.labels("state"), completer.values(3)
    for s, to_go in enumerate((2, 1, 0)):
        missed = np.mean(~hard_NS[state_NS[:, s], s])
        fooled = np.mean(hard_NS[~state_NS[:, s], s])
        assert missed == pytest.approx((1 - values[to_go, 1]) ** n, abs=0.02)
        assert fooled == pytest.approx(1 - (1 - values[to_go, 0]) ** n, abs=0.02)


def test_a_label_is_flipped_at_the_rate_and_unknown_ones_stay_unknown():
    row = Trajectory("1+1", ("a", "b", "c"), labels=(1.0, 0.0, None), first_error=1)
    rows = [row] * 4000
    noisy = flip_labels(rows, 0.2, rng())
    labels = np.array([t.labels[:2] for t in noisy])
    assert np.mean(labels != (1.0, 0.0), axis=0) == pytest.approx(0.2, abs=0.03)
    assert {t.labels[2] for t in noisy} == {None} and {t.first_error for t in noisy} == {None}
    assert row.labels == (1.0, 0.0, None) and row.first_error == 1


def test_labels_flipped_at_a_low_rate_are_flipped_at_a_high_one():
    rows = [Trajectory("1+1", ("a", "b"), labels=(1.0, 1.0))] * 500
    low, high = (
        np.array([t.labels for t in flip_labels(rows, rate, rng())]) == 0 for rate in (0.1, 0.3)
    )
    assert low.any() and (low <= high).all() and (low != high).any()


def test_a_rate_that_is_no_probability_is_refused():
    with pytest.raises(InputError, match="rate"):
        flip_labels([], 1.5, rng())
