"""Losses on pairs: Bradley-Terry and ordinal ratings."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numeric_gradient import numeric_gradient

from prm_jax.objectives.bradley_terry import bradley_terry
from prm_jax.objectives.ordinal import expected_rating, ordinal, region_weights

CHOSEN, REJECTED = np.array([1.0, -2.0, 0.5, 3.0]), np.array([-1.0, 0.5, 0.5, 9.0])
MASK = np.array([True, True, True, False])

# The distributions over the ratings 1..9 whose figures are known.
P = np.array([0, 0, 0, 0.05, 0.10, 0.20, 0.30, 0.25, 0.10])
P_REJECTED = np.array([0.05, 0.10, 0.20, 0.30, 0.20, 0.10, 0.05, 0, 0])


def logits(p):
    return jnp.float32(np.log(np.maximum(p, 1e-30)))[None]


ONE = np.ones(1, bool)


def pair_loss(chosen, rejected, margin=0.0, centring=0.0):
    return (np.log1p(np.exp(margin - chosen + rejected)) + centring * (chosen + rejected) ** 2)[
        MASK
    ].mean()


@pytest.mark.parametrize(("margin", "centring"), [(0.0, 0.0), (1.5, 0.01), (0.0, 0.3)])
def test_bradley_terry_and_its_gradient_equal_the_logistic_loss_of_differences(margin, centring):
    options = dict(margin=margin, centring=centring)
    loss, metrics = bradley_terry(jnp.float32(CHOSEN), jnp.float32(REJECTED), MASK, **options)
    np.testing.assert_allclose(loss, pair_loss(CHOSEN, REJECTED, **options), rtol=1e-5)
    assert metrics["weight"] == 3
    np.testing.assert_allclose(metrics["accuracy"], 0.5)  # right, wrong, a tie
    np.testing.assert_allclose(metrics["difference"], (2 - 2.5 + 0) / 3, rtol=1e-5)
    for argument, x in enumerate((CHOSEN, REJECTED)):
        found = jax.grad(lambda a, b: bradley_terry(a, b, MASK, **options)[0], argument)(
            jnp.float32(CHOSEN), jnp.float32(REJECTED)
        )

        def other(x, argument=argument):
            pair = (x, REJECTED) if argument == 0 else (CHOSEN, x)
            return pair_loss(*pair, **options)

        np.testing.assert_allclose(found, numeric_gradient(other, x), atol=1e-6)


def test_each_pair_may_have_a_margin_of_its_own():
    margin = np.array([1.0, 0.0, 2.0, np.nan])
    chosen, rejected = jnp.float32(CHOSEN), jnp.float32(REJECTED)
    expected = pair_loss(CHOSEN, REJECTED, margin)
    loss, gradient = jax.value_and_grad(
        lambda x: bradley_terry(x, rejected, MASK, margin=margin)[0]
    )(chosen)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    assert np.isfinite(gradient).all()


def test_without_centring_a_shift_of_all_scores_changes_nothing_and_with_it_does():
    chosen, rejected = jnp.float32(CHOSEN), jnp.float32(REJECTED)

    def change(centring):
        return (
            bradley_terry(chosen + 4, rejected + 4, MASK, centring=centring)[0]
            - bradley_terry(chosen, rejected, MASK, centring=centring)[0]
        )

    assert abs(change(0.0)) < 1e-6 < 1 < change(0.1)


def test_ordinal_has_the_known_probabilities_of_two_ratings():
    loss, metrics = ordinal(logits(P), logits(P_REJECTED), ONE)
    np.testing.assert_allclose(metrics["right"], 0.8875, atol=1e-6)
    np.testing.assert_allclose(metrics["tie"], 0.07, atol=1e-6)
    np.testing.assert_allclose(metrics["wrong"], 0.0425, atol=1e-6)
    np.testing.assert_allclose(loss, 0.119347, atol=1e-6)
    np.testing.assert_allclose(expected_rating(logits(P))[0], 6.9, rtol=1e-6)
    np.testing.assert_allclose(expected_rating(logits(P_REJECTED))[0], 4.0, rtol=1e-6)
    variance = (np.arange(1, 10) ** 2 * P).sum() - 6.9**2
    np.testing.assert_allclose(expected_rating(logits(P))[1], variance, rtol=1e-5)


def ordinal_loss(x, y, weights=(None, None)):
    """By two loops over the ratings, from probabilities."""
    total = 0.0
    for a, b, u, v in zip(x, y, *(np.ones_like(x) if w is None else w for w in weights)):
        p, q = (np.exp(z) / np.exp(z).sum() for z in (a, b))
        pairs = [(i, j) for i in range(len(p)) for j in range(i)]
        total -= np.log(sum(u[i] * p[i] * v[j] * q[j] for i, j in pairs))
    return total / len(x)


def test_ordinal_and_its_gradient_equal_the_double_sum():
    rng = np.random.default_rng(0)
    x, y, both = rng.normal(size=(3, 5)), rng.normal(size=(3, 5)), np.ones(3, bool)
    weights = [
        np.asarray(region_weights(jnp.array(level), 5, 2)) for level in ([1, 0, -1], [0] * 3)
    ]
    options = dict(zip(("chosen_weights_BK", "rejected_weights_BK"), weights))
    for pair, named in (((None, None), {}), (weights, options)):

        def loss(a, b, named=named):
            return ordinal(a, b, both, **named)[0]

        arguments = jnp.float32(x), jnp.float32(y)
        np.testing.assert_allclose(loss(*arguments), ordinal_loss(x, y, pair), rtol=1e-5)
        found = jax.grad(loss)(*arguments)
        expected = numeric_gradient(lambda z, pair=pair: ordinal_loss(z, y, pair), x)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_tie_is_not_right():
    same = jnp.zeros((1, 9))
    _, metrics = ordinal(same, same, ONE)
    np.testing.assert_allclose(metrics["tie"], 1 / 9, rtol=1e-5)
    np.testing.assert_allclose(metrics["right"], 4 / 9, rtol=1e-5)
    assert metrics["accuracy"] == 0


def test_weights_of_a_region_peak_at_its_centre_and_are_one_without_a_level():
    weights = np.asarray(region_weights(jnp.array([0, 1, 2, -1])))
    np.testing.assert_allclose(weights[0], [0.5, 1, 0.5, 0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(weights[1], np.roll(weights[0], 3))
    np.testing.assert_allclose(weights[2], np.roll(weights[0], 6))
    assert (weights[3] == 1).all()


def test_a_pair_whose_levels_contradict_it_is_left_out_without_a_trace():
    good, bad = region_weights(jnp.array([2, 0])), region_weights(jnp.array([0, 2]))
    x = jnp.float32(np.random.default_rng(0).normal(size=(2, 9)))

    def loss(x):
        return ordinal(x, -x, np.ones(2, bool), chosen_weights_BK=good, rejected_weights_BK=bad)

    (value, metrics), gradient = jax.value_and_grad(loss, has_aux=True)(x)
    assert metrics["weight"] == 1 and np.isfinite(value)
    assert np.asarray(gradient)[0].any() and not np.asarray(gradient)[1].any()


def bt(x_BK, y_BK, mask):
    return bradley_terry(x_BK[:, 0], y_BK[:, 0], mask)


@pytest.mark.parametrize("objective", [bt, ordinal])
def test_pairs_are_exchangeable_and_those_outside_the_mask_have_no_influence(objective):
    rng = np.random.default_rng(2)
    x, y = jnp.float32(rng.normal(size=(4, 3))), jnp.float32(rng.normal(size=(4, 3)))
    loss, metrics = objective(x, y, MASK)
    order = np.array([3, 1, 0, 2])
    np.testing.assert_allclose(objective(x[order], y[order], MASK[order])[0], loss, rtol=1e-6)
    dirty = jnp.where(MASK[:, None], x, np.nan)
    assert objective(dirty, y, MASK)[0] == loss
    gradient = np.asarray(jax.grad(lambda x: objective(x, y, MASK)[0])(dirty))
    assert np.isfinite(gradient).all() and not gradient[3].any()
    assert abs(objective(y, x, MASK)[0] - loss) > 0.01
    empty, none = objective(dirty, y, np.zeros(4, bool))
    assert empty == 0 and not any(none.values())
    assert metrics["weight"] == 3


@pytest.mark.parametrize("objective", [bt, ordinal])
def test_pairs_with_extreme_logits_have_a_finite_loss_and_gradient(objective):
    x = jnp.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [0.0, 0.0, -1e4]])
    for a, b in ((x, -x), (-x, x)):
        loss, gradient = jax.value_and_grad(lambda a, b: objective(a, b, np.ones(3, bool))[0])(a, b)
        assert np.isfinite(loss) and np.isfinite(gradient).all()
