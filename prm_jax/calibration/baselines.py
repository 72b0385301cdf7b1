"""What an SDM is compared with: one logistic regression, and usual ways to decide when to trust it.

    none               all rows are admitted
    softmax            probability of the prediction at least alpha
    temperature        the same after temperature scaling (Guo et al. 2017)
    platt, isotonic    the same after a sigmoid or a rising step function
    aps, raps          the conformal prediction set is the prediction alone
    label_conditional  the same, for sets with the coverage alpha in every class
    learn_then_test    probability at least a threshold whose selective error is certified

The logistic regression is trained on the half that an SDM of the same seed is trained on, and all
else is fitted on the other half. Its regularisation is chosen within the training half, so that
what the conformal sets and the test promise of the calibration half is true: it was not seen
before. They promise it for exchangeable rows; the steps of one problem are not quite that.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from prm_jax.calibration import conformal, selective_risk
from prm_jax.calibration.logistic_regression import (
    LogisticRegression,
    fit_logistic_regression,
    require_sklearn,
)
from prm_jax.calibration.sdm.region import check_alpha
from prm_jax.calibration.sdm.split import (
    check_features,
    check_rows,
    halves,
    require_classes,
    training_and_calibration,
)
from prm_jax.errors import InputError

DEFAULTS: Mapping[str, Any] = {
    "round": 0,  # the split of this round of an SDM, see `SDM.round`
    "balance": True,  # as many rows of each class in either half
    "delta": 0.1,  # learn_then_test: how often its threshold may be wrong
    "cells": "all",  # learn_then_test: whose error is controlled, see selective_risk.CELLS
}


@dataclasses.dataclass(frozen=True)
class BaselinePrediction:
    """What a baseline says of N rows.

    Fields:
        prediction: i32[N], the class of the largest probability, the lowest of equal ones.
        probability: f64[N,C].
        score: f64[N], what ranks rows for admission: the probability of the prediction, or how
            little the next label fits (its score by APS or RAPS, 1 - its p-value).
        admitted: bool[N].
    """

    prediction: np.ndarray
    probability: np.ndarray
    score: np.ndarray
    admitted: np.ndarray


@dataclasses.dataclass(frozen=True)
class Baseline:
    """A fitted baseline.

    Fields:
        name: one of BASELINES.
        width: numbers a row.
        probabilities: from f32[N,D] to f64[N,C].
        rule: from those probabilities and one random-looking number a row to `(score, admitted)`.
        seed: of the random-looking numbers.
        facts: JSON-able, what was chosen.
    """

    name: str
    width: int
    probabilities: Callable
    rule: Callable
    seed: int
    facts: dict

    def predict(self, features_ND) -> BaselinePrediction:
        """Predictions of new rows, and whether each can be trusted.

        Args:
            features_ND: float[N,D].

        Returns:
            `BaselinePrediction`; a row does not depend on the others.

        Raises:
            InputError: features of another width, or not finite.
        """
        features_ND = check_features(features_ND, self.width)
        probability_NC = self.probabilities(features_ND)
        score_N, admitted_N = self.rule(
            probability_NC, conformal.row_uniforms(features_ND, self.seed)
        )
        return BaselinePrediction(
            prediction=probability_NC.argmax(-1).astype(np.int32),
            probability=probability_NC,
            score=score_N,
            admitted=admitted_N,
        )


@dataclasses.dataclass(frozen=True)
class _Fitted:
    """The common model, and the calibration rows."""

    model: LogisticRegression
    features_ND: np.ndarray
    label_N: np.ndarray
    group_N: np.ndarray
    alpha: float
    seed: int
    options: Mapping

    def at_least(self, threshold):
        """Admits from a probability of the prediction on."""
        return lambda prob_NC, u_N: (prob_NC.max(-1), prob_NC.max(-1) >= threshold)


def fit_baselines(
    names: Sequence[str],
    features_ND,
    labels_N,
    groups_N,
    *,
    alpha: float = 0.95,
    seed: int = 0,
    **options,
) -> dict[str, Baseline]:
    """Fits baselines that share one logistic regression.

    Args:
        names: of BASELINES.
        features_ND: float[N,D]. labels_N: int[N] in [0, C).
        groups_N: any[N], what may not be in both halves, for instance the problem of a step.
        alpha: accuracy that admission asks for, in (0.5, 1); the coverage of prediction sets.
        seed: of the halves, as in `sdm.fit`.
        options: values for DEFAULTS.

    Returns:
        A `Baseline` for each name.

    Raises:
        InputError: an unknown name or option, an impossible value, rows that cannot be split, or
            scikit-learn is not installed.
    """
    check_baselines(names, alpha, options)
    chosen = {**DEFAULTS, **options}
    features_ND, labels_N, groups_N = check_rows(features_ND, labels_N, groups_N)
    train, held = training_and_calibration(
        labels_N, groups_N, seed=seed, round=chosen["round"], balance=chosen["balance"]
    )
    model = fit_logistic_regression(features_ND[train], labels_N[train], groups_N[train], seed)
    calibration_rows = (features_ND[held], labels_N[held], groups_N[held])
    fitted = _Fitted(model, *calibration_rows, alpha, seed, chosen)
    found = {}
    for name in names:
        probabilities, rule, facts = BASELINES[name](fitted)
        facts = {"data_weight": model.data_weight, **facts}
        found[name] = Baseline(name, features_ND.shape[1], probabilities, rule, seed, facts)
    return found


def fit_baseline(name: str, features_ND, labels_N, groups_N, **options) -> Baseline:
    """Fits one baseline; see `fit_baselines`."""
    return fit_baselines([name], features_ND, labels_N, groups_N, **options)[name]


def _none(fitted: _Fitted):
    return fitted.model.probabilities, fitted.at_least(0.0), {}


def _softmax(fitted: _Fitted):
    return fitted.model.probabilities, fitted.at_least(fitted.alpha), {}


def _recalibrated(method):
    """A baseline that recalibrates the probabilities on all calibration rows."""

    def fit(fitted: _Fitted):
        of = fitted.model.recalibrated(fitted.features_ND, fitted.label_N, method)
        return of, fitted.at_least(fitted.alpha), {}

    return fit


def _adaptive(penalised):
    """APS, or RAPS: a quarter of the calibration groups tunes, the others give the quantile."""

    def fit(fitted: _Fitted):
        rng = np.random.default_rng([fitted.seed, 1])
        first, rest = halves(fitted.group_N, rng)
        quarter, more = (first[rows] for rows in halves(fitted.group_N[first], rng))
        rest = np.concatenate([more, rest])
        label_N, n_classes = fitted.label_N, fitted.model.n_classes
        require_classes(label_N[quarter], n_classes, "a quarter of the calibration half")
        probabilities = fitted.model.recalibrated(
            fitted.features_ND[quarter], label_N[quarter], "temperature"
        )
        prob_NC = probabilities(fitted.features_ND)
        u_N = conformal.row_uniforms(fitted.features_ND, fitted.seed)
        strength, free_ranks = 0.0, 1
        if penalised:
            strength, free_ranks = conformal.tune_penalty(
                prob_NC[quarter], label_N[quarter], u_N[quarter], fitted.alpha
            )
        scores_NC = conformal.adaptive_scores(prob_NC, u_N, strength, free_ranks)
        quantile = conformal.conformal_quantile(scores_NC[rest, label_N[rest]], fitted.alpha)

        def rule(prob_NC, u_N):
            scores_NC = conformal.adaptive_scores(prob_NC, u_N, strength, free_ranks)
            sets_NC = conformal.adaptive_sets(scores_NC, prob_NC, quantile)
            others_NC = np.where(_is_prediction(prob_NC), np.inf, scores_NC)
            return others_NC.min(-1), sets_NC.sum(-1) == 1

        reached = quantile if np.isfinite(quantile) else None
        facts = {"quantile": reached, "penalty": strength, "free_ranks": free_ranks}
        return probabilities, rule, facts

    return fit


def _label_conditional(fitted: _Fitted):
    prob_NC = fitted.model.probabilities(fitted.features_ND)
    scores = [np.sort(1 - prob_NC[fitted.label_N == c, c]) for c in range(fitted.model.n_classes)]

    def rule(prob_NC, u_N):
        p_NC = conformal.label_p_values(prob_NC, scores)
        is_prediction_NC = _is_prediction(prob_NC)
        in_set_NC = p_NC > round(1 - fitted.alpha, 10)
        others_NC = np.where(is_prediction_NC, 0, p_NC)
        return 1 - others_NC.max(-1), (in_set_NC == is_prediction_NC).all(-1)

    return fitted.model.probabilities, rule, {}


def _learn_then_test(fitted: _Fitted):
    prob_NC, options = fitted.model.probabilities(fitted.features_ND), fitted.options
    threshold = selective_risk.certified_threshold(
        prob_NC.max(-1),
        prob_NC.argmax(-1),
        fitted.label_N,
        fitted.model.n_classes,
        fitted.alpha,
        options["delta"],
        options["cells"],
    )
    rule = fitted.at_least(np.inf if threshold is None else threshold)
    facts = {"threshold": threshold, "delta": options["delta"], "cells": options["cells"]}
    return fitted.model.probabilities, rule, facts


BASELINES: Mapping[str, Callable] = {
    "none": _none,
    "softmax": _softmax,
    "temperature": _recalibrated("temperature"),
    "platt": _recalibrated("sigmoid"),
    "isotonic": _recalibrated("isotonic"),
    "aps": _adaptive(penalised=False),
    "raps": _adaptive(penalised=True),
    "label_conditional": _label_conditional,
    "learn_then_test": _learn_then_test,
}


def _is_prediction(prob_NC):
    return np.arange(prob_NC.shape[1]) == prob_NC.argmax(-1)[:, None]


def check_baselines(names: Sequence[str], alpha: float, options: Mapping[str, Any] | None = None):
    """Raises `InputError` for what `fit_baselines` does not take, before anything is computed."""
    options = options or {}
    if unknown := [name for name in names if name not in BASELINES]:
        raise InputError(
            f"unknown baseline {unknown[0]!r}", remedy=f"known are {', '.join(BASELINES)}"
        )
    if unknown := [name for name in options if name not in DEFAULTS]:
        raise InputError(
            f"unknown option {unknown[0]!r}", remedy=f"known are {', '.join(DEFAULTS)}"
        )
    check_alpha(alpha)
    chosen = {**DEFAULTS, **options}
    if not 0 < chosen["delta"] < 1:
        raise InputError(f"{chosen['delta']} is not between 0 and 1", field="delta")
    if chosen["cells"] not in selective_risk.CELLS:
        raise InputError(
            f"{chosen['cells']!r} is unknown",
            field="cells",
            remedy=f"known are {', '.join(selective_risk.CELLS)}",
        )
    if names:
        require_sklearn()
