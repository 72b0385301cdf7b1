"""Losses on step ends: golden values, masks, soft labels, and which heads they accept."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import objectives
from prm_jax.errors import InputError
from prm_jax.models import HeadConfig

SCORES = np.array([[2.0, -1.0, 0.5], [-3.0, 4.0, 0.0]])
LABELS = np.array([[1.0, 0.0, 0.25], [0.0, 1.0, 1.0]])
MASK = np.array([[True, True, True], [True, False, False]])


def cross_entropy(p_right, y):
    """By the textbook, from probabilities in double precision."""
    return -(y * np.log(p_right) + (1 - y) * np.log(1 - p_right))


def test_bce_equals_cross_entropy_of_probabilities_in_double_precision():
    p = 1 / (1 + np.exp(-SCORES))
    expected = cross_entropy(p, LABELS)[MASK].mean()
    loss, metrics = objectives.bce(jnp.float32(SCORES), jnp.float32(LABELS), MASK)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    assert metrics["weight"] == 4
    # Right, right, wrong (0.5 > 0 though the label is 0.25), right.
    assert metrics["accuracy"] == 0.75


def test_bce_has_known_values():
    loss, _ = objectives.bce(
        jnp.array([[2.0, -1.0]]), jnp.array([[1.0, 0.0]]), jnp.ones((1, 2), bool)
    )
    # softplus(-2) = 0.126928, softplus(-1) = 0.313262
    np.testing.assert_allclose(loss, (0.126928 + 0.313262) / 2, atol=1e-6)


def test_bce_with_a_weight_on_wrong_steps_is_a_mean_over_steps():
    p, w = 1 / (1 + np.exp(-SCORES)), 3.0
    expected = -(LABELS * np.log(p) + w * (1 - LABELS) * np.log(1 - p))[MASK].mean()
    loss, metrics = objectives.bce(jnp.float32(SCORES), jnp.float32(LABELS), MASK, wrong_weight=w)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    assert metrics["weight"] == 4
    with pytest.raises(InputError, match="wrong_weight"):
        objectives.bce(jnp.float32(SCORES), jnp.float32(LABELS), MASK, wrong_weight=0.0)


@pytest.mark.parametrize("objective", [objectives.two_class, objectives.two_token])
def test_two_logits_equal_softmax_cross_entropy_with_soft_labels(objective):
    logits = np.random.default_rng(0).normal(size=(2, 3, 2)) * 3
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    expected = -((1 - LABELS) * np.log(p[..., 0]) + LABELS * np.log(p[..., 1]))[MASK].mean()
    loss, metrics = objective(jnp.float32(logits), jnp.float32(LABELS), MASK)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    assert metrics["weight"] == 4


def test_orm_counts_only_the_last_step_of_each_solution():
    scores = jnp.array([[9.0, -2.0, 1.0]])
    outcomes, last = jnp.array([[0.0, 1.0, 0.0]]), jnp.array([[False, True, True]])
    loss, metrics = objectives.orm_bce(scores, outcomes, last)
    expected = (
        cross_entropy(1 / (1 + np.exp(2.0)), 1) + cross_entropy(1 / (1 + np.exp(-1.0)), 0)
    ) / 2
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    assert metrics["weight"] == 2


@pytest.mark.parametrize("objective", [objectives.bce, objectives.orm_bce])
@pytest.mark.parametrize("rubbish", [np.nan, np.inf, 1e30])
def test_what_is_masked_has_no_influence_on_value_or_gradient(objective, rubbish):
    def loss(scores, labels):
        return objective(scores, labels, MASK)[0]

    scores, labels = jnp.float32(SCORES), jnp.float32(LABELS)
    dirty_scores = jnp.where(MASK, scores, rubbish)
    dirty_labels = jnp.where(MASK, labels, rubbish)
    assert loss(dirty_scores, dirty_labels) == loss(scores, labels)
    gradient = jax.grad(loss)(dirty_scores, dirty_labels)
    np.testing.assert_array_equal(gradient, jax.grad(loss)(scores, labels))
    assert (np.asarray(gradient)[~MASK] == 0).all()


def test_extreme_bfloat16_logits_are_computed_in_float32():
    scores = jnp.array([[200.0, -200.0]], jnp.bfloat16)
    loss, _ = objectives.bce(scores, jnp.array([[0.0, 1.0]]), jnp.ones((1, 2), bool))
    assert loss.dtype == jnp.float32
    np.testing.assert_allclose(loss, 200.0)


def test_gradient_of_bce_is_probability_minus_label_over_count():
    gradient = jax.grad(lambda s: objectives.bce(s, jnp.float32(LABELS), MASK)[0])(
        jnp.float32(SCORES)
    )
    expected = np.where(MASK, (1 / (1 + np.exp(-SCORES)) - LABELS) / 4, 0)
    np.testing.assert_allclose(gradient, expected, atol=1e-7)


def test_a_label_moved_by_one_step_changes_the_loss():
    moved = np.roll(LABELS, 1, axis=1)
    here, _ = objectives.bce(jnp.float32(SCORES), jnp.float32(LABELS), MASK)
    there, _ = objectives.bce(jnp.float32(SCORES), jnp.float32(moved), MASK)
    assert abs(float(here - there)) > 0.1


@pytest.mark.parametrize(
    ("name", "head", "reason"),
    [
        ("bce", HeadConfig("linear", 2), "one logit"),
        ("two_class", HeadConfig("scalar"), "two classes"),
        ("two_token", HeadConfig("linear", 2), "unembedding"),
        ("orm_bce", HeadConfig("linear", 5), "more than two classes"),
    ],
)
def test_a_head_that_makes_no_sense_is_refused_with_the_reason(name, head, reason):
    with pytest.raises(InputError, match=reason):
        objectives.check(name, head)


def test_unknown_objective_and_missing_head_are_named():
    with pytest.raises(InputError, match="known are bce"):
        objectives.check("hinge", HeadConfig("scalar"))
    with pytest.raises(InputError, match="no head"):
        objectives.check("bce", None)
