"""Domain weights, the losses of both levels, and the gradient through the lower one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numeric_gradient import numeric_gradient

from prm_jax.objectives import bce, mse, orm_bce, orm_every_step, q_ranking, two_class
from prm_jax.objectives.bilevel import aggregation_loss, domain_of, domain_weights, reweighted
from prm_jax.objectives.hypergradient import finite_difference, unrolled

SHAPE = (3, 8)
# Rows of 3 trajectories whose steps are of one domain each.
TRAJECTORY = np.array([[1, 1, 1, 2, 2, 3, 3, 0]] * 3)
DOMAIN = np.array([[0, 0, 0, 1, 1, 2, 2, 0], [2, 2, 2, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1, 0]])
MASK = TRAJECTORY > 0


def scores_and_labels(n_classes=None, seed=0):
    rng = np.random.default_rng(seed)
    shape = SHAPE if n_classes is None else (*SHAPE, n_classes)
    return jnp.float32(rng.normal(size=shape)), jnp.float32(rng.random(SHAPE) < 0.5)


def weighted(objective, scores, labels, weights, mask=MASK, **options):
    return reweighted(
        lambda inside_BS: objective(scores, labels, jnp.asarray(mask) & inside_BS, **options),
        jnp.asarray(DOMAIN),
        jnp.float32(weights),
    )


def test_weights_have_their_golden_values_and_a_mean_of_one():
    found = domain_weights(jnp.float32([0, 0.5, -0.5]))
    np.testing.assert_allclose(found, [0.97111, 1.36470, 0.66419], atol=1e-5)
    np.testing.assert_array_equal(domain_weights(jnp.zeros(5)), np.ones(5))


def test_a_trajectory_belongs_to_the_source_whose_numbers_hold_it():
    found = domain_of(jnp.int32([[0, 2, 3, 6, 7, 11]]), (3, 4, 5))
    np.testing.assert_array_equal(found, [[0, 0, 1, 1, 2, 2]])


@pytest.mark.parametrize("objective", [bce, two_class, mse, orm_bce, orm_every_step, q_ranking])
def test_with_weights_of_one_an_objective_is_itself(objective):
    scores, labels = scores_and_labels(2 if objective is two_class else None)
    options = {}
    if objective in (orm_every_step, q_ranking):
        options["trajectory_BS"] = TRAJECTORY

    def plain(scores):
        return objective(scores, labels, jnp.asarray(MASK), **options)

    (loss, metrics), gradient = jax.value_and_grad(plain, has_aux=True)(scores)
    (loss_, metrics_), gradient_ = jax.value_and_grad(
        lambda scores: weighted(objective, scores, labels, [1, 1, 1], **options), has_aux=True
    )(scores)
    np.testing.assert_allclose(loss_, loss, rtol=1e-6)
    np.testing.assert_allclose(gradient_, gradient, atol=1e-6)
    assert metrics_.keys() == metrics.keys()
    for key, value in metrics.items():
        np.testing.assert_allclose(metrics_[key], value, rtol=1e-6, err_msg=key)


def test_a_weighted_loss_is_the_mean_of_steps_by_the_weight_of_their_domain():
    scores, labels = scores_and_labels()
    loss, metrics = weighted(bce, scores, labels, [0.5, 2.0, 0.1])
    s, y = np.float64(scores), np.float64(labels)
    steps = (np.log1p(np.exp(s)) - y * s) * np.array([0.5, 2.0, 0.1])[DOMAIN]
    np.testing.assert_allclose(loss, steps[MASK].mean(), rtol=1e-6)
    assert metrics["weight"] == MASK.sum()


def test_a_domain_without_labels_and_a_batch_without_any_have_no_influence():
    scores, labels = scores_and_labels()
    without = MASK & (DOMAIN != 1)
    one, _ = weighted(bce, scores, labels, [1.5, 9.0, 0.5], mask=without)
    other, _ = weighted(bce, scores, labels, [1.5, 0.1, 0.5], mask=without)
    assert np.isfinite(one) and one == other
    loss, metrics = weighted(bce, scores, labels, [1, 1, 1], mask=np.zeros(SHAPE, bool))
    assert loss == 0 and metrics["weight"] == 0 and metrics["accuracy"] == 0


def test_the_outer_loss_takes_the_mean_of_logits_before_the_sigmoid():
    p = np.array([[0.9, 0.6, 0.95, 0.5]])
    logits = jnp.float32(np.log(p / (1 - p)))
    last = jnp.array([[False, False, True, False]])
    for outcome in (0.0, 1.0):
        loss, metrics = aggregation_loss(logits, jnp.full((1, 4), outcome), last)
        np.testing.assert_allclose(loss, (0.864015 - outcome) ** 2, atol=1e-6)
        assert metrics["weight"] == 1 and metrics["accuracy"] == outcome


def test_the_outer_loss_of_a_packed_row_is_that_of_its_trajectories_and_its_gradient_is_numpys():
    scores, outcomes = scores_and_labels(seed=3)
    last = np.array([[0, 0, 1, 0, 1, 0, 0, 0]] * 3, bool)  # of the third the outcome is not known

    def by_loop(s):
        s = np.float64(s)
        ends = [(row, part) for row in range(3) for part in (slice(0, 3), slice(3, 5))]
        predicted = [1 / (1 + np.exp(-s[row, part].mean())) for row, part in ends]
        known = [float(outcomes[row, part][-1]) for row, part in ends]
        return np.mean(np.square(np.subtract(predicted, known)))

    def loss_of(s):
        return aggregation_loss(s, outcomes, jnp.asarray(last), trajectory_BS=TRAJECTORY)

    (loss, metrics), gradient = jax.value_and_grad(loss_of, has_aux=True)(scores)
    np.testing.assert_allclose(loss, by_loop(scores), rtol=1e-5)
    np.testing.assert_allclose(gradient, numeric_gradient(by_loop, scores), atol=1e-6)
    assert metrics["weight"] == 6
    unread = scores.at[:, 5:].set(jnp.nan)
    np.testing.assert_array_equal(loss_of(unread)[0], loss)
    assert np.isfinite(jax.grad(lambda s: loss_of(s)[0])(unread)).all()


# Domains pull the parameters to their own centres, and the trusted set to another one.
CENTRES = np.array([[1.0, -2.0, 0.5], [-1.5, 0.3, 2.0]])
TARGET = np.array([0.8, -1.5, 0.7])


def inner(params, logits, batch):
    distance_K = jnp.square(params["w"] + params["b"] - CENTRES * batch).sum(-1) / 2
    return (domain_weights(logits) * distance_K).sum()


def outer(params, target):
    return jnp.square(params["w"] + params["b"] - target).sum() / 2


PARAMS = {"w": jnp.float32([0.2, 0.1, -0.3]), "b": jnp.float32(0.4)}
LOGITS = jnp.float32([0.3, -0.2])


def after_training(logits, batches, learning_rate):
    """The outer loss after descent on the inner one, by the gradients worked out by hand."""
    w, b = np.float64(PARAMS["w"]), float(PARAMS["b"])
    positive = np.log1p(np.exp(logits))
    weights = positive / positive.mean()
    for batch in batches:
        pull = (weights[:, None] * (w + b - CENTRES * batch)).sum(0)
        w, b = w - learning_rate * pull, b - learning_rate * pull.sum()
    return np.square(w + b - TARGET).sum() / 2


@pytest.mark.parametrize("n_steps", [1, 4])
def test_the_unrolled_gradient_is_that_of_the_training_written_out(n_steps):
    batches = np.linspace(0.7, 1.3, n_steps)
    found, loss = unrolled(
        inner, outer, PARAMS, LOGITS, jnp.float32(batches), TARGET, learning_rate=0.05
    )
    np.testing.assert_allclose(loss, after_training(LOGITS, batches, 0.05), rtol=1e-5)
    expected = numeric_gradient(lambda a: after_training(a, batches, 0.05), LOGITS)
    assert np.abs(expected).min() > 1e-3
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_finite_differences_agree_with_one_unrolled_step():
    batch = jnp.float32([1.1])
    options = dict(learning_rate=0.05)
    exact, loss = unrolled(inner, outer, PARAMS, LOGITS, batch, TARGET, **options)
    found, loss_ = finite_difference(inner, outer, PARAMS, LOGITS, batch[0], TARGET, **options)
    np.testing.assert_allclose(loss_, loss, rtol=1e-6)
    np.testing.assert_allclose(found, exact, rtol=1e-3)


def test_an_outer_loss_that_nothing_changes_moves_no_weight():
    found, _ = finite_difference(
        inner, lambda params, _: 0.0 * params["b"], PARAMS, LOGITS, 1.0, TARGET, learning_rate=0.05
    )
    np.testing.assert_array_equal(found, np.zeros(2))
