"""The rescaler of the first SDM estimator: worked numbers, training, regions and rounds."""

import dataclasses
import math

import numpy as np
import pytest

from prm_jax.calibration.rescaler import (
    BINS,
    Rescaler,
    cauchy_quantile,
    class_quantiles,
    fit_rescaler,
    median_absolute_deviation,
    quantile_similarity,
    rescale,
    round_offsets,
)
from prm_jax.calibration.sdm.region import Region
from prm_jax.errors import InputError

CLASS_PROB = (
    np.array([0.1, 0.5, 0.9], np.float32),
    np.array([0.2, 0.6], np.float32),
)


def hand_made(**changed):
    """A rescaler whose numbers fit on a page."""
    fields = dict(
        kernel_CC=np.eye(2, dtype=np.float32),
        class_prob=CLASS_PROB,
        class_similarity=(np.arange(50) / 20, np.array([0.5, 1.0, 2.0])),
        median_CB=np.full((2, BINS), np.nan),
        region=Region(1.0, np.array([0.55, 0.55]), np.array([50, 3]), 0.9),
        alpha=0.9,
        loss=0.0,
    )
    return Rescaler(**{**fields, **changed})


def judged(n, seed=0, noise=0.0):
    """What an SDM might say of rows: surer and in better company where it is more often right."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    margin = np.where(label, 1, -1) * 1.5 + rng.normal(0, 1, n)
    right = 1 / (1 + np.exp(-3 * margin))
    prob = np.stack([1 - right, right], -1).astype(np.float32)
    q = np.floor(np.exp(np.abs(margin) * 1.5)).astype(np.float32)
    label = np.where(rng.random(n) < noise, rng.integers(0, 2, n), label)
    return (prob, q, prob.argmax(-1)), label


@pytest.fixture(scope="module")
def rescaler():
    return fit_rescaler(*judged(800)[0], judged(800)[1], alpha=0.9, learning_rate=1e-2, epochs=20)


def test_quantiles_similarity_and_output_of_worked_rows():
    prob = np.array([[0.5, 0.5], [0.9, 0.1], [0.95, 0.05], [0.3, 0.7]], np.float32)
    v = class_quantiles(prob, CLASS_PROB)
    np.testing.assert_allclose(v, [[1 / 3, 1 / 2], [1, 0], [1, 0], [1 / 3, 1]], rtol=1e-6)
    assert (class_quantiles(prob, (CLASS_PROB[0], np.zeros(0)))[:, 1] == 0).all()

    q, pred = np.array([6.0, 6, 0, 6]), np.array([0, 0, 0, 0])
    similarity = quantile_similarity(v, prob, q, pred)
    worked = [math.log(8) / 3, math.log(8), math.log(2), math.log(2) / 3]  # the last is no argmax
    np.testing.assert_allclose(similarity, worked, rtol=1e-6)

    found = rescale(hand_made(), prob, q, pred)
    for row in (1, 2):
        base = 2 + worked[row]
        expected = np.array([base ** v[row, 0], base ** v[row, 1]])
        np.testing.assert_allclose(found.probability[row], expected / expected.sum(), rtol=1e-6)
    # Rows 0 and 3: the output is surer of class 1, so nothing is left of the similarity.
    np.testing.assert_allclose(found.similarity, [0, worked[1], worked[2], 0], rtol=1e-6)
    np.testing.assert_array_equal(found.admitted, [False, True, False, False])


def test_the_spread_of_worked_values():
    assert cauchy_quantile(1, 2, 0.75) == pytest.approx(3)
    assert median_absolute_deviation([1, 1, 2, 2, 4, 6, 9]) == 1


def test_the_lower_output_moves_every_class_by_its_own_bound():
    prob, q, pred = np.array([[0.95, 0.05]], np.float32), np.array([20.0]), np.array([0])
    wide = hand_made(class_similarity=(np.arange(400) / 200, np.arange(100) / 50))
    found = rescale(wide, prob, q, pred)
    similarity = math.log(22)  # more than that of all calibration rows
    np.testing.assert_array_equal(found.n_hat, [[399, 99]])
    bounds = [math.sqrt(math.log(20) / (2 * n)) for n in (399, 99)]
    moved = [1 - bounds[0], 0 + bounds[1]]
    lower = moved[0] * similarity
    powers = [(2 + lower) ** v for v in moved]
    np.testing.assert_allclose(found.similarity_lower, [lower], rtol=1e-5)
    np.testing.assert_allclose(found.probability_lower, [np.divide(powers, sum(powers))], rtol=1e-5)
    assert found.admitted_lower[0] and found.lower[0] == found.probability_lower[0, 0]


def test_without_calibration_rows_below_nothing_is_sure():
    prob, pred = np.array([[0.95, 0.05]], np.float32), np.array([0])
    few = hand_made(class_similarity=(np.array([5.0, 6.0]), np.array([0.1, 0.2])))
    found = rescale(few, prob, np.array([20.0]), pred)
    np.testing.assert_array_equal(found.n_hat, [[0, 1]])
    assert found.admitted[0] and not found.admitted_lower[0] and np.isnan(found.lower[0])
    assert found.similarity_lower[0] == 0


def test_training_lowers_the_loss_of_the_identity_and_reports_it(rescaler):
    (prob, q, pred), label = judged(800)

    def mean_loss(kernel):
        v = class_quantiles(prob, rescaler.class_prob).astype(float)
        base = 2 + quantile_similarity(v, prob, q, pred)
        exponent = v @ kernel.T
        log_output = exponent * np.log(base)[:, None]
        log_output -= np.log(np.exp(log_output).sum(-1, keepdims=True))
        return np.mean(-log_output[np.arange(len(v)), label] / np.log(base))

    assert rescaler.loss == pytest.approx(mean_loss(rescaler.kernel_CC), rel=1e-4)
    assert mean_loss(rescaler.kernel_CC) < 0.8 * mean_loss(np.eye(2))


def test_training_ends_when_the_loss_no_longer_falls():
    (prob, q, pred), label = judged(60)
    options = dict(alpha=0.9, learning_rate=1.0, patience=2, min_rows=1)
    few, many = (
        fit_rescaler(prob, q, pred, label, epochs=epochs, **options) for epochs in (30, 10_000)
    )
    np.testing.assert_array_equal(few.kernel_CC, many.kernel_CC)


def test_the_epoch_of_the_lowest_loss_is_kept():
    (prob, q, pred), label = judged(60)
    options = dict(alpha=0.9, learning_rate=1.0, min_rows=1)
    losses = [fit_rescaler(prob, q, pred, label, epochs=n, **options).loss for n in range(1, 8)]
    assert (np.diff(losses) <= 0).all() and (np.diff(losses) == 0).any()


def test_admitted_new_rows_are_right_as_often_as_was_asked_for(rescaler):
    (prob, q, pred), label = judged(4000, seed=1)
    found = rescale(rescaler, prob, q, pred)
    assert rescaler.region is not None and found.admitted.mean() > 0.3
    for c in (0, 1):
        right = (pred == label)[found.admitted & (label == c)]
        assert right.mean() > 0.9 - 2 * np.sqrt(0.09 / len(right))
    assert 0 < found.admitted_lower.sum() <= found.admitted.sum()
    assert (found.lower[found.admitted_lower] >= 0.9).all()


def test_labels_that_are_noise_have_no_region():
    given, label = judged(800, noise=1.0)
    found = fit_rescaler(*given, label, alpha=0.9, learning_rate=1e-2, epochs=5)
    assert found.region is None
    rescaled = rescale(found, *given)
    assert not rescaled.admitted.any() and np.isnan(rescaled.lower).all()


def test_an_output_that_predicts_otherwise_is_not_admitted(rescaler):
    (prob, q, pred), _ = judged(500, seed=2)
    found = rescale(rescaler, prob, q, 1 - pred)
    flipped = found.probability.argmax(-1) != 1 - pred
    assert flipped.mean() > 0.9
    assert (found.similarity[flipped] == 0).all() and not found.admitted[flipped].any()


def test_a_row_is_judged_the_same_alone_and_in_any_order(rescaler):
    given, _ = judged(100, seed=3)
    together = rescale(rescaler, *given)
    alone = rescale(rescaler, *(x[17:18] for x in given))
    backwards = rescale(rescaler, *(x[::-1] for x in given))
    for field in dataclasses.fields(together):
        values = getattr(together, field.name)
        np.testing.assert_allclose(values[17], getattr(alone, field.name)[0], rtol=1e-6)
        np.testing.assert_allclose(values, getattr(backwards, field.name)[::-1], rtol=1e-6)


def test_rounds_that_differ_ask_for_more():
    def with_values(q_min, median):
        medians = np.full((2, BINS), np.nan)
        medians[0, 1:5] = median
        return hand_made(
            region=dataclasses.replace(hand_made().region, q_min=q_min),
            median_CB=medians,
            class_similarity=(np.arange(4000) / 2000, np.arange(4000) / 2000),
        )

    first = with_values(1.0, 0.7)
    single = round_offsets([first])
    assert single.similarity == 0 and (single.probability_CB == 0).all()

    rounds = [first, with_values(1.1, 0.71), with_values(1.3, 0.74), hand_made(region=None)]
    offsets = round_offsets(rounds)
    assert offsets.similarity == pytest.approx(0.1 * math.tan(0.4 * math.pi), rel=1e-5)
    assert offsets.probability_CB[0, 2] == pytest.approx(0.01 * math.tan(0.4 * math.pi), rel=1e-5)
    assert offsets.probability_CB[0, 0] == 0 and (offsets.probability_CB[1] == 0).all()

    prob, pred = np.array([[0.95, 0.05]] * 2, np.float32), np.array([0, 0])
    q = np.array([1.2, 20.0])  # ln 3.2 = 1.16, between the least similarity and the corrected one
    plain, corrected = (rescale(first, prob, q, pred, given) for given in (None, offsets))
    np.testing.assert_array_equal(plain.admitted, [True, True])
    np.testing.assert_array_equal(corrected.admitted, [False, True])
    taken_off = plain.lower[1] - corrected.lower[1]
    assert taken_off == pytest.approx(offsets.probability_CB[0, 2], rel=1e-4)


@pytest.mark.parametrize(
    ("label", "alpha", "reason"),
    [(np.zeros(60, int), 0.9, "no row of class 1"), (None, 0.4, "not between 0.5 and 1")],
)
def test_what_cannot_be_fitted_is_refused_with_the_reason(label, alpha, reason):
    given, own = judged(60)
    with pytest.raises(InputError, match=reason):
        fit_rescaler(*given, own if label is None else label, alpha=alpha)
