"""Trees with exact values: against simulation, by hand, and searched."""

import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.reproduce import trees
from prm_jax.reproduce.studies.pav import accuracy, beam_search
from prm_jax.reproduce.trees import TreeOptions, Trees


def rng(seed=0):
    return np.random.default_rng(seed)


def by_hand():
    """Two steps of two branches: values .5 and .4 after the first, .45 at the root."""
    leaves = np.array([[0.9, 0.1, 0.4, 0.4]])
    policy = (np.full((1, 1, 2), 0.5), np.full((1, 2, 2), 0.5))
    return Trees((np.array([[0.45]]), np.array([[0.5, 0.4]]), leaves), policy)


def test_a_value_is_the_rate_at_which_the_policy_ends_right():
    drawn = trees.draw(20, TreeOptions(depth=3, branches=3, ease=-1.0), rng())
    leaves_Nn = trees.sampled_solutions(drawn, 4000, rng(1))
    rates = np.take_along_axis(drawn.values[-1], leaves_Nn, axis=1).mean(1)
    np.testing.assert_allclose(rates, drawn.values[0][:, 0], atol=0.02)
    # And from the first step on, of the solutions that begin with it.
    first = leaves_Nn // 9 == 1
    rates = np.take_along_axis(drawn.values[-1], leaves_Nn, axis=1)
    rates = (rates * first).sum(1) / first.sum(1)
    np.testing.assert_allclose(rates, drawn.values[1][:, 1], atol=0.06)


def test_options_move_what_they_name():
    easy, hard = (
        trees.draw(200, TreeOptions(depth=2, ease=ease), rng()).values[0] for ease in (1, -1)
    )
    assert (easy > hard).all()
    even = trees.draw(2, TreeOptions(depth=1, branches=4, temperature=0.0), rng())
    np.testing.assert_allclose(even.policy[0], 0.25)
    still = trees.draw(2, TreeOptions(depth=2, step_effect=0.0), rng())
    assert np.ptp(still.values[-1], axis=1) == pytest.approx(0)


def test_a_prover_of_k_completions_ends_right_if_any_does():
    (values,) = trees.best_of_k_values([np.array([[0.0, 0.3, 1.0]])], 4)
    rates = (rng().random((20000, 4)) < 0.3).any(axis=1).mean()
    np.testing.assert_allclose(values[0], [0, rates, 1], atol=0.01)
    np.testing.assert_allclose(values[0, 1], 1 - 0.7**4)


def test_estimates_are_shares_around_the_values_and_no_rollouts_are_exact():
    values = [np.full((1, 5000), 0.3)]
    (shares,) = trees.estimated(values, 4, rng())
    assert set(np.unique(shares)) == {0, 0.25, 0.5, 0.75, 1}
    assert shares.mean() == pytest.approx(0.3, abs=0.01)
    assert trees.estimated(values, 0, rng())[0] is values[0]


def test_sampled_steps_differ_and_the_first_follows_the_policy():
    drawn = trees.draw(1, TreeOptions(depth=2, branches=4), rng())
    draws = np.array([trees.sampled_steps(drawn, 3, rng(seed))[1][0, 2] for seed in range(4000)])
    assert draws.min() >= 8 and draws.max() < 12  # the children of node 2
    assert all(len(set(steps)) == 3 for steps in draws)
    shares = np.bincount(draws[:, 0] - 8, minlength=4) / len(draws)
    np.testing.assert_allclose(shares, drawn.policy[1][0, 2], atol=0.03)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(InputError, match="depth"):
        TreeOptions(depth=0)
    with pytest.raises(InputError, match="3 different steps of 2"):
        trees.sampled_steps(by_hand(), 3, rng())


def test_a_beam_follows_its_scores_and_a_wider_one_finds_what_they_miss():
    drawn, offered = by_hand(), trees.sampled_steps(by_hand(), 2, rng())
    values = drawn.values
    misled = (values[0], 1 - values[1], values[2])
    assert beam_search(offered, values, 1).tolist() == [[0]]
    assert accuracy(drawn, beam_search(offered, misled, 1), values) == pytest.approx(0.4)
    assert accuracy(drawn, beam_search(offered, misled, 2), values) == pytest.approx(0.9)
    assert sorted(beam_search(offered, values, 4)[0]) == [0, 1, 2, 3]


def test_the_leaf_is_chosen_by_the_values_given_and_judged_by_the_true_ones():
    drawn = by_hand()
    others = (None, None, np.array([[0.0, 1.0, 0.5, 0.5]]))
    assert accuracy(drawn, np.array([[0, 1, 2]]), others) == pytest.approx(0.1)
