"""The learned rescaler of the first SDM estimator (arXiv:2502.20167), for comparisons. Superseded:
the estimator in `prm_jax.calibration.sdm` does without one, and is the one to use.

    v_c  place of the SDM probability of class c among those of the calibration rows of class c
    q~   v_pred ln(2 + q), 0 if SDM and logits predict differently
    o    softmax(W v ln(2 + q~)), W trained on the calibration rows; q~ := 0 if o predicts otherwise

A region in (q~, o) is found as in the later estimator. It works on what `sdm.predict` says of rows,
for calibration rows `predict(sdm, features[held])` with `held` from `training_and_calibration`.
"""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax

from prm_jax.calibration.sdm.activation import activation, loss
from prm_jax.calibration.sdm.adaptor import train_epoch
from prm_jax.calibration.sdm.region import MIN_ROWS, Region, admits, check_alpha, find_region
from prm_jax.calibration.sdm.split import require_classes

BINS = 20
"""Whole parts of q~ that are told apart; larger ones count as the last."""


@dataclasses.dataclass(frozen=True)
class Rescaler:
    """A fitted rescaler.

    Fields:
        kernel_CC: W, from v to the output.
        class_prob: for each class the ascending SDM probabilities of it in its calibration rows.
        class_similarity: for each class the ascending q~ of its calibration rows.
        median_CB: median of the predicted class's output among the calibration rows with each
            prediction and whole part of q~; not a number where there are none.
        region: None if there is none.
        alpha: accuracy that was asked for.
        loss: mean on the calibration rows.
    """

    kernel_CC: np.ndarray
    class_prob: tuple
    class_similarity: tuple
    median_CB: np.ndarray
    region: Region | None
    alpha: float
    loss: float


@dataclasses.dataclass(frozen=True)
class Offsets:
    """What is taken off for the spread over rounds.

    Fields:
        similarity: added to the region's least q~.
        probability_CB: taken off the output of a predicted class, by the whole part of q~.
    """

    similarity: float
    probability_CB: np.ndarray


@dataclasses.dataclass(frozen=True)
class Rescaled:
    """What a rescaler says of N rows.

    Fields:
        similarity: f[N], q~; its whole part is what is shown to people.
        probability: f[N,C], o.
        n_hat: i[N,C], calibration rows of each class with a lower q~, at most all but one.
        similarity_lower, probability_lower: the same with v moved against the prediction by its
            bound.
        admitted, admitted_lower: bool[N], whether either is in the region.
        lower: f[N], the probability that is reported; not a number where not admitted_lower.
    """

    similarity: np.ndarray
    probability: np.ndarray
    n_hat: np.ndarray
    similarity_lower: np.ndarray
    probability_lower: np.ndarray
    admitted: np.ndarray
    admitted_lower: np.ndarray
    lower: np.ndarray


def fit_rescaler(
    prob_NC,
    q_N,
    pred_N,
    label_N,
    *,
    alpha: float = 0.95,
    learning_rate: float = 1e-4,
    epochs: int = 1000,
    patience: int = 10,
    min_rows: int = MIN_ROWS,
    seed: int = 0,
) -> Rescaler:
    """Trains the output on calibration rows, a row an update, and finds the region.

    W starts as the identity (the published one starts at random), so that its first output keeps
    the order of v.

    Args:
        prob_NC: float[N,C] SDM probabilities. q_N: float[N]. pred_N, label_N: int[N].
        alpha: accuracy that admission asks for, in (0.5, 1).
        learning_rate: of Adam. epochs: at most; the one of the lowest loss is kept.
        patience: training ends after more than so many epochs in a row without a lower loss.
        min_rows: rows of every class that the region must have.
        seed: of the order of rows.

    Raises:
        InputError: alpha outside (0.5, 1), or a class without a row.
    """
    check_alpha(alpha)
    prob_NC, pred_N, label_N = np.asarray(prob_NC), np.asarray(pred_N), np.asarray(label_N)
    n_classes = prob_NC.shape[1]
    require_classes(label_N, n_classes, "the calibration half")
    class_prob = tuple(np.sort(prob_NC[label_N == c, c]) for c in range(n_classes))
    v_NC = class_quantiles(prob_NC, class_prob)
    similarity_N = quantile_similarity(v_NC, prob_NC, q_N, pred_N)
    data = (v_NC, similarity_N, np.ones(len(v_NC), np.float32), label_N.astype(np.int32))
    optimizer, rng = optax.adam(learning_rate), np.random.default_rng(seed)
    params = jnp.eye(n_classes)
    opt_state, best, least, waited = optimizer.init(params), params, np.inf, 0
    for _ in range(epochs):
        order = rng.permutation(len(v_NC))[:, None]
        params, opt_state = train_epoch(
            params, opt_state, data, order, optimizer=optimizer, logits=_logits
        )
        value = float(loss(_logits(params, v_NC), *data[1:]).mean())
        waited = 0 if value < least else waited + 1
        if value < least:
            best, least = params, value
        if waited > patience:
            break
    kernel_CC = np.asarray(best)
    output_NC, similarity_N = _output(kernel_CC, v_NC, similarity_N, pred_N)
    in_partition_N = np.where(np.floor(similarity_N) > 0, similarity_N, 0)
    return Rescaler(
        kernel_CC=kernel_CC,
        class_prob=class_prob,
        class_similarity=tuple(np.sort(similarity_N[label_N == c]) for c in range(n_classes)),
        median_CB=_medians(output_NC, similarity_N, pred_N),
        region=find_region(output_NC, in_partition_N, label_N, alpha, min_rows),
        alpha=alpha,
        loss=least,
    )


def rescale(rescaler: Rescaler, prob_NC, q_N, pred_N, offsets: Offsets | None = None) -> Rescaled:
    """Rescales rows.

    Args:
        rescaler: from `fit_rescaler`.
        prob_NC, q_N, pred_N: as there, of any rows.
        offsets: from `round_offsets`; None for a single round.
    """
    prob_NC, pred_N = np.asarray(prob_NC), np.asarray(pred_N)
    kernel_CC = rescaler.kernel_CC
    v_NC = class_quantiles(prob_NC, rescaler.class_prob)
    similarity_N = quantile_similarity(v_NC, prob_NC, q_N, pred_N)
    output_NC, similarity_N = _output(kernel_CC, v_NC, similarity_N, pred_N)
    columns = [
        np.minimum(np.searchsorted(of_class, similarity_N, side="left"), len(of_class) - 1)
        for of_class in rescaler.class_similarity
    ]
    n_hat_NC = np.stack(columns, axis=-1)
    bound_NC = np.sqrt(np.log(2 / round(1 - rescaler.alpha, 10)) / (2 * np.maximum(n_hat_NC, 1)))
    bound_NC = np.where(n_hat_NC > 0, bound_NC, 1)
    is_pred_NC = np.arange(prob_NC.shape[1]) == pred_N[:, None]
    moved_NC = np.clip(v_NC + np.where(is_pred_NC, -bound_NC, bound_NC), 0, 1).astype(v_NC.dtype)
    lower_N = quantile_similarity(moved_NC, prob_NC, q_N, pred_N)
    lower_NC, lower_N = _output(kernel_CC, moved_NC, lower_N, pred_N)
    admitted, admitted_lower = np.zeros((2, len(pred_N)), bool)
    reported_N = np.where(is_pred_NC, lower_NC, 0).max(-1)
    if rescaler.region is not None:
        region = rescaler.region
        if offsets is not None:
            region = dataclasses.replace(region, q_min=region.q_min + offsets.similarity)
            spread_N = offsets.probability_CB[pred_N, _bins(lower_N)]
            reported_N = np.maximum(0, reported_N - spread_N)
        admitted = admits(region, output_NC, similarity_N, pred_N)
        admitted_lower = admits(region, lower_NC, lower_N, pred_N)
    return Rescaled(
        similarity=similarity_N,
        probability=output_NC,
        n_hat=n_hat_NC,
        similarity_lower=lower_N,
        probability_lower=lower_NC,
        admitted=admitted,
        admitted_lower=admitted_lower,
        lower=np.where(admitted_lower, reported_N, np.nan),
    )


def class_quantiles(prob_NC, class_prob) -> np.ndarray:
    """v: for each class the share of its calibration rows with a lower probability of it.

    Args:
        prob_NC: float[N,C].
        class_prob: for each class an ascending float array, of the same dtype.

    Returns:
        f32[N,C] in [0, 1]; 1 from the largest on, 0 for a class without rows.
    """
    columns = []
    for values, prob_N in zip(class_prob, np.asarray(prob_NC).T):
        if len(values):
            share_N = np.searchsorted(values, prob_N, side="left") / len(values)
            columns.append(np.where(prob_N >= values[-1], 1, share_N))
        else:
            columns.append(np.zeros(len(prob_N)))
    return np.stack(columns, axis=-1).astype(np.float32)


def quantile_similarity(v_NC, prob_NC, q_N, pred_N) -> np.ndarray:
    """q~ = v_pred ln(2 + q), with q = 0 where the SDM's largest probability is another class's.

    Args:
        v_NC: float[N,C]. prob_NC: float[N,C] SDM probabilities. q_N: float[N]. pred_N: int[N].

    Returns:
        f32[N].
    """
    agrees_N = np.asarray(prob_NC).argmax(-1) == pred_N
    v_pred_N = np.take_along_axis(v_NC, np.asarray(pred_N)[:, None], axis=-1)[:, 0]
    return (v_pred_N * np.log(2 + np.where(agrees_N, q_N, 0))).astype(np.float32)


def cauchy_quantile(location, scale, alpha):
    """location + scale tan(pi (alpha - 1/2))."""
    return location + scale * np.tan(np.pi * (alpha - 0.5))


def median_absolute_deviation(values) -> float:
    """Median distance to the median."""
    return float(np.median(np.abs(values - np.median(values))))


def round_offsets(rescalers: Sequence[Rescaler]) -> Offsets:
    """How far rounds with other splits lie apart, as Cauchy quantiles.

    Args:
        rescalers: of the rounds of one estimator, all for one alpha. Rounds without a region and
            without rows in a bin are left out of it; of a single one the offset is 0.
    """
    alpha = rescalers[0].alpha
    q_mins = [of.region.q_min for of in rescalers if of.region is not None]
    medians_JCB = np.stack([of.median_CB for of in rescalers])
    spread_CB = np.zeros(medians_JCB.shape[1:])
    for place in np.ndindex(spread_CB.shape):
        values = medians_JCB[(slice(None), *place)]
        values = values[np.isfinite(values)]
        spread_CB[place] = median_absolute_deviation(values) if len(values) else 0
    spread = median_absolute_deviation(q_mins) if q_mins else 0.0
    return Offsets(
        float(cauchy_quantile(0, spread, alpha)),
        cauchy_quantile(np.zeros_like(spread_CB), spread_CB, alpha),
    )


def _logits(kernel_CC, v_NC):
    return jnp.matmul(v_NC, kernel_CC.T, precision=jax.lax.Precision.HIGHEST)


def _output(kernel_CC, v_NC, similarity_N, pred_N):
    """o, and q~ that is 0 where o predicts otherwise."""
    ones_N = np.ones(len(v_NC), np.float32)
    output_NC = np.asarray(activation(_logits(kernel_CC, v_NC), similarity_N, ones_N))
    kept_N = output_NC.argmax(-1) == pred_N
    return output_NC, np.where(kept_N, similarity_N, 0).astype(np.float32)


def _medians(output_NC, similarity_N, pred_N):
    median_CB = np.full((output_NC.shape[1], BINS), np.nan)
    bin_N = _bins(similarity_N)
    for c, b in set(zip(pred_N.tolist(), bin_N.tolist())):
        median_CB[c, b] = np.median(output_NC[(pred_N == c) & (bin_N == b), c])
    return median_CB


def _bins(similarity_N):
    return np.minimum(np.floor(similarity_N), BINS - 1).astype(int)
