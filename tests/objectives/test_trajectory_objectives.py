"""Losses in which the steps of one trajectory meet, and squared error: golden values and masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numeric_gradient import numeric_gradient

from prm_jax import objectives
from prm_jax.errors import InputError
from prm_jax.models import HeadConfig

Q = np.array([[1.0, 0.5, -2.0, -1.0], [0.3, 1.2, 2.0, 9.0], [-1.0, -3.0, 7.0, 7.0]])
Y = np.array([[1.0, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1]])
MASK = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]], bool)


def q_loss(q, y, variant, margin, own_twice):
    """Of one trajectory, by the sums of exponentials that the paper writes."""
    right, wrong = [i for i in range(len(q)) if y[i] == 1], [i for i in range(len(q)) if y[i] == 0]
    if variant == "first_error":
        margin = 0.0
    counted = wrong[:1] if variant == "first_error" else wrong
    wrong_sum = sum(np.exp(q[w] + margin) for w in counted)
    terms, risen = [], 1.0
    if wrong:
        terms.append(np.log(1 + wrong_sum))
    for c in right:
        risen += np.exp(q[c])
        own = np.exp(q[c]) if own_twice and c > 0 else 0.0
        terms.append(np.log(risen + own + wrong_sum) - q[c])
    if variant != "theoretical":
        return np.mean(terms)
    order = [np.log(np.exp(q[wrong[i:]]).sum()) - q[w] for i, w in enumerate(wrong)]
    return np.sum(terms) / (len(q) + 1) + np.sum(order) / len(q)


def mean_q_loss(scores, labels, mask, variant="practical", margin=4.0, own_twice=False):
    rows = [(q[m], y[m]) for q, y, m in zip(scores, labels, mask) if m.any()]
    return np.mean([q_loss(q, y, variant, margin, own_twice) for q, y in rows])


def q_ranking(scores, labels=Y, mask=MASK, **options):
    loss, _ = objectives.q_ranking(jnp.float32(scores), jnp.float32(labels), mask, **options)
    return loss


@pytest.mark.parametrize(
    ("margin", "own_twice", "rows"),
    [
        (4.0, False, (2.926966, 0.553007, 3.169846)),
        (2.0, False, (1.421503, 0.553007, 1.407606)),
        (4.0, True, (2.943294, 0.856125, 3.169846)),
        (2.0, True, (1.477092, 0.856125, 1.407608)),
    ],
)
def test_q_ranking_has_the_values_of_the_equation_and_of_the_released_code(margin, own_twice, rows):
    options = dict(margin=margin, own_twice=own_twice)
    for row, expected in enumerate(rows):
        one = np.s_[row : row + 1]
        np.testing.assert_allclose(q_ranking(Q[one], Y[one], MASK[one], **options), expected, 1e-5)
    np.testing.assert_allclose(q_ranking(Q, **options), np.mean(rows), 1e-5)


@pytest.mark.parametrize("variant", ["practical", "theoretical", "first_error"])
@pytest.mark.parametrize("own_twice", [False, True])
def test_every_variant_of_q_ranking_equals_the_sums_of_exponentials(variant, own_twice):
    rng = np.random.default_rng(1)
    scores, labels = rng.normal(size=(20, 6)) * 2, (rng.random((20, 6)) < 0.5).astype(float)
    mask = rng.random((20, 6)) < 0.7
    mask[3] = False
    options = dict(variant=variant, margin=1.5, own_twice=own_twice)
    expected = mean_q_loss(scores, labels, mask, **options)
    np.testing.assert_allclose(q_ranking(scores, labels, mask, **options), expected, rtol=1e-5)


@pytest.mark.parametrize("variant", ["practical", "theoretical", "first_error"])
def test_the_gradient_of_q_ranking_is_that_of_finite_differences(variant):
    found = jax.grad(lambda s: q_ranking(s, variant=variant))(jnp.float32(Q))
    expected = numeric_gradient(lambda s: mean_q_loss(s, Y, MASK, variant), Q)
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_a_solution_without_errors_still_rises_above_the_question():
    loss = q_ranking([[0.0]], [[1.0]], np.ones((1, 1), bool))
    np.testing.assert_allclose(loss, np.log(2), rtol=1e-6)


def test_steps_after_a_right_step_do_not_stand_in_its_denominator():
    two = np.ones((1, 2), bool)
    low, high = (q_ranking([[1.0, later]], [[1.0, 1.0]], two) for later in (2.0, 50.0))
    own = -1 + np.log(1 + np.exp(1.0))
    np.testing.assert_allclose(high, (own + 0) / 2, atol=1e-6)
    assert low > high


def test_weight_and_accuracy_of_q_ranking_count_trajectories():
    mask = MASK.copy()
    mask[1] = False
    _, metrics = objectives.q_ranking(jnp.float32(Q), jnp.float32(Y), mask)
    assert metrics["weight"] == 2
    assert metrics["accuracy"] == 1  # above 0 or below, every step
    flipped = np.where([[True], [False], [False]], 1 - Y, Y)
    _, metrics = objectives.q_ranking(jnp.float32(Q), jnp.float32(flipped), mask)
    assert metrics["accuracy"] == 0.5  # of two trajectories, though four of six steps are wrong


@pytest.mark.parametrize("variant", ["practical", "theoretical", "first_error"])
@pytest.mark.parametrize("scale", [1e4, -1e4])
def test_q_ranking_is_finite_at_extreme_logits(variant, scale):
    loss, gradient = jax.value_and_grad(lambda s: q_ranking(s, variant=variant))(
        jnp.float32(scale * np.sign(Q))
    )
    assert np.isfinite(loss) and np.isfinite(gradient).all()


@pytest.mark.parametrize("name", ["mse", "q_ranking", "orm_every_step"])
def test_a_label_moved_by_one_step_changes_the_loss_and_rubbish_outside_the_mask_does_not(name):
    objective = objectives.OBJECTIVES[name].loss
    mask = np.array([[True, True, False], [True, False, False]])
    scores, labels = np.array([[2.0, -1.0, 0.5], [-3.0, 4.0, 0.0]]), np.array([[1.0, 0, 0]] * 2)

    def loss(scores, labels):
        return objective(jnp.float32(scores), jnp.float32(labels), mask)[0]

    assert abs(loss(scores, labels) - loss(scores, labels[:, [1, 0, 2]])) > 0.1
    dirty = (np.where(mask, x, np.nan) for x in (scores, labels))
    assert loss(*dirty) == loss(scores, labels)


def test_an_outcome_is_the_label_of_every_step_up_to_the_last():
    scores, mask = np.array([[0.5, -1.0, 2.0, 3.0], [1.0, -2.0, 0.0, 5.0]]), np.zeros((2, 4), bool)
    mask[0, 2] = mask[1, 1] = True
    outcomes = np.array([[0.0, 0, 1, 0], [0, 0, 0, 0]])
    loss, metrics = objectives.orm_every_step(jnp.float32(scores), jnp.float32(outcomes), mask)
    softplus = np.log1p(np.exp([-0.5, 1.0, -2.0, 1.0, -2.0]))
    np.testing.assert_allclose(loss, softplus.mean(), rtol=1e-6)
    assert metrics["weight"] == 5


def test_squared_error_equals_that_of_probabilities_and_so_does_its_gradient():
    def expected(scores):
        return np.square(1 / (1 + np.exp(-scores)) - soft)[MASK].mean()

    soft = np.random.default_rng(0).random(Q.shape)
    loss, metrics = objectives.mse(jnp.float32(Q), jnp.float32(soft), MASK)
    np.testing.assert_allclose(loss, expected(Q), rtol=1e-5)
    assert metrics["weight"] == 9
    found = jax.grad(lambda s: objectives.mse(s, jnp.float32(soft), MASK)[0])(jnp.float32(Q))
    np.testing.assert_allclose(found, numeric_gradient(expected, Q), atol=1e-6)


def test_options_set_hyperparameters_and_nothing_else():
    head = HeadConfig("scalar")
    objective = objectives.check("q_ranking", head, '{"margin": 2, "variant": "theoretical"}')
    loss, _ = objective.loss(jnp.float32(Q), jnp.float32(Y), MASK)
    np.testing.assert_allclose(loss, q_ranking(Q, margin=2.0, variant="theoretical"), rtol=1e-6)
    assert "trajectory_BS" in objective.needs and objective.reads == "score"
    assert objectives.OBJECTIVES["q_ranking"].loss is objectives.q_ranking


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("q_ranking", "margin=2", "is not JSON"),
        ("q_ranking", "[2]", "no JSON object"),
        (
            "q_ranking",
            '{"zeta": 2}',
            "no hyperparameter 'zeta'; known are margin, variant, own_twice",
        ),
        ("q_ranking", '{"trajectory_BS": 2}', "no hyperparameter"),
        ("q_ranking", '{"margin": "2"}', "its default is 4.0"),
        ("q_ranking", '{"margin": true}', "its default is 4.0"),
        ("q_ranking", '{"margin": NaN}', "its default is 4.0"),
        ("q_ranking", '{"own_twice": 1}', "its default is false"),
        ("q_ranking", '{"margin": -1}', "negative"),
        ("q_ranking", '{"variant": "eq10"}', "known are practical"),
        ("mse", '{"margin": 2}', "leave it empty"),
    ],
)
def test_options_that_an_objective_does_not_take_are_refused(name, options, reason):
    with pytest.raises(InputError, match=reason) as caught:
        objectives.check(name, HeadConfig("scalar"), options)
    assert "'objective_options'" in str(caught.value)
