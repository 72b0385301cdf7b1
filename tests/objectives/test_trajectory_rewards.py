"""Rewards of steps and trajectories together, and advantages of a prover."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numeric_gradient import numeric_gradient

from prm_jax.errors import InputError
from prm_jax.objectives.prover_advantage import (
    effective_reward,
    prover_advantage,
    up_to_first_pit,
)
from prm_jax.objectives.step_and_trajectory import combined_step_reward, step_and_trajectory

SCORES = np.array([[2.0, -1.0, 0.5], [-3.0, 4.0, 0.0]])
LABELS = np.array([[1.0, 0.0, 0.25], [0.0, 1.0, 1.0]])
MASK = np.array([[True, True, True], [True, False, False]])
WHOLE, WHOLE_LABELS, WHOLE_MASK = np.array([1.5, 0.3]), np.array([0.75, 0.0]), np.ones(2, bool)

VALUES = np.array([[0.5, 0.75, 0.25, 0.0, 0.0], [0.25, 0.0, 0.5, 1.0, 9.0]])
START = np.array([0.375, 0.5])
KNOWN = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]], bool)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def squared(x, y):
    return (sigmoid(x) - y) ** 2


def cross_entropy(x, y):
    return -y * np.log(sigmoid(x)) - (1 - y) * np.log(1 - sigmoid(x))


def both(scores=SCORES, whole=WHOLE, mask=MASK, whole_mask=WHOLE_MASK, labels=LABELS, **options):
    arrays = (jnp.float32(x) for x in (scores, labels))
    trajectory = (jnp.float32(x) for x in (whole, WHOLE_LABELS))
    return step_and_trajectory(*arrays, mask, *trajectory, whole_mask, **options)


@pytest.mark.parametrize(("name", "loss"), [("mse", squared), ("bce", cross_entropy)])
def test_the_loss_and_its_gradients_are_those_of_the_weighted_parts(name, loss):
    options = dict(loss=name, step_weight=0.5, trajectory_weight=2.0)

    def expected(scores, whole):
        return 0.5 * loss(scores, LABELS)[MASK].mean() + 2 * loss(whole, WHOLE_LABELS).mean()

    value, metrics = both(**options)
    np.testing.assert_allclose(value, expected(SCORES, WHOLE), rtol=1e-5)
    np.testing.assert_allclose(metrics["trajectory_loss"], loss(WHOLE, WHOLE_LABELS).mean(), 1e-5)
    assert (metrics["step_weight"], metrics["trajectory_weight"]) == (4, 2)
    assert (metrics["step_accuracy"], metrics["trajectory_accuracy"]) == (0.75, 0.5)
    found = jax.grad(lambda s, w: both(s, w, **options)[0], (0, 1))(
        jnp.float32(SCORES), jnp.float32(WHOLE)
    )
    np.testing.assert_allclose(
        found[0], numeric_gradient(lambda s: expected(s, WHOLE), SCORES), atol=1e-6
    )
    np.testing.assert_allclose(
        found[1], numeric_gradient(lambda w: expected(SCORES, w), WHOLE), atol=1e-6
    )


def test_a_part_without_labels_is_zero_and_the_other_stays():
    nothing = np.zeros_like(MASK), np.zeros_like(WHOLE_MASK)
    value, metrics = both(np.full_like(SCORES, np.nan), mask=nothing[0])
    assert value == metrics["trajectory_loss"] > 0
    value, metrics = both(whole=np.full_like(WHOLE, np.nan), whole_mask=nothing[1])
    assert value == metrics["step_loss"] > 0
    assert both(mask=nothing[0], whole_mask=nothing[1])[0] == 0


@pytest.mark.parametrize("name", ["mse", "bce"])
def test_extreme_logits_are_finite_and_a_moved_label_shows(name):
    extreme = 1e4 * np.sign(0.5 - LABELS)
    loss, gradient = jax.value_and_grad(lambda s: both(s, loss=name)[0])(jnp.float32(extreme))
    assert np.isfinite(loss) and np.isfinite(gradient).all()
    moved = np.roll(LABELS, 1, axis=1)
    assert abs(both(loss=name)[0] - both(labels=moved, loss=name)[0]) > 0.05


def test_an_unknown_part_loss_is_refused():
    with pytest.raises(InputError, match="known are mse, bce"):
        both(loss="hinge")


def test_a_combined_reward_lies_between_the_mean_and_the_largest_judgement():
    rewards = np.random.default_rng(0).random((3, 4, 5))
    weights = np.exp(rewards) / np.exp(rewards).sum(0)
    found = combined_step_reward(jnp.float32(rewards))
    np.testing.assert_allclose(found, (weights * rewards).sum(0), rtol=1e-5)
    assert (found > rewards.mean(0)).all() and (found < rewards.max(0)).all()


def advantage():
    return prover_advantage(jnp.float32(VALUES), jnp.float32(START), KNOWN)


def test_advantages_are_differences_of_values_that_sum_to_the_whole_gain():
    found, known = advantage()
    np.testing.assert_allclose(found[0], [0.125, 0.25, -0.5, -0.25, 0.0])
    np.testing.assert_allclose(found[1], [-0.25, -0.25, 0.5, 0.5, 0.0])
    np.testing.assert_array_equal(known, KNOWN)
    np.testing.assert_allclose(found.sum(1), [0.0 - 0.375, 1.0 - 0.5])


def test_a_step_next_to_an_unknown_value_has_no_advantage():
    hole = KNOWN.copy()
    hole[0, 1] = False
    found, known = prover_advantage(
        jnp.float32(np.where(hole, VALUES, np.nan)), jnp.float32(START), hole
    )
    np.testing.assert_array_equal(known[0], [True, False, False, True, True])
    np.testing.assert_allclose(found[0], [0.125, 0, 0, -0.25, 0])
    assert np.isfinite(found).all()


def test_a_prover_that_always_or_never_succeeds_adds_nothing():
    base = jnp.float32(VALUES)
    for sure in (0.0, 1.0):
        found, _ = prover_advantage(jnp.full(VALUES.shape, sure), jnp.full(2, sure), KNOWN)
        np.testing.assert_array_equal(effective_reward(base, found, alpha=5.0), base)


def test_the_effective_reward_is_the_value_plus_the_weighted_advantage():
    base, (found, _) = jnp.float32(VALUES[::-1]), advantage()
    expected = VALUES[::-1] + 0.5 * np.asarray(found)
    np.testing.assert_allclose(effective_reward(base, found), expected, rtol=1e-6)
    # The advantage can turn an order round: a step that loses against one that gains.
    lost, gained = effective_reward(jnp.array([0.5, 0.25]), jnp.array([-0.5, 0.25]), alpha=3.0)
    assert lost < gained


def test_a_wrong_solution_is_kept_up_to_its_first_pit_and_a_right_one_whole():
    kept = up_to_first_pit(jnp.float32(VALUES), jnp.array([0.0, 0.0]), KNOWN)
    np.testing.assert_array_equal(kept, [[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]])
    np.testing.assert_array_equal(up_to_first_pit(jnp.float32(VALUES), jnp.ones(2), KNOWN), KNOWN)
    kept = up_to_first_pit(jnp.float32(VALUES), jnp.zeros(2), KNOWN, threshold=0.25)
    np.testing.assert_array_equal(kept, [[1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])
