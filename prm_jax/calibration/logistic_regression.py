"""A logistic regression on features, and its probabilities recalibrated on other rows.

It is linear in the features, as the adaptor of an SDM is. Needs scikit-learn:
pip install 'prm_jax[calibration]'.
"""

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from prm_jax.calibration.sdm.split import halves, require_classes
from prm_jax.errors import InputError

DATA_WEIGHTS = tuple(10.0**k for k in range(-6, 3))
"""Weights of the data against the squared parameters, to choose from."""


@dataclasses.dataclass(frozen=True)
class LogisticRegression:
    """A fitted regression.

    Fields:
        mean, std: of all numbers of the rows it was trained on.
        estimator: scikit-learn's.
        data_weight: the one of DATA_WEIGHTS that was chosen.
    """

    mean: float
    std: float
    estimator: Any
    data_weight: float

    @property
    def n_classes(self) -> int:
        return len(self.estimator.classes_)

    def probabilities(self, features_ND) -> np.ndarray:
        """float64[N,C] of f32[N,D]."""
        return self.estimator.predict_proba(_standardised(features_ND, self.mean, self.std))

    def recalibrated(self, features_ND, labels_N, method: str) -> Callable:
        """A function like `probabilities`, recalibrated on rows that this was not trained on.

        Args:
            features_ND: f32[N,D]. labels_N: int[N], with every class.
            method: 'temperature', 'sigmoid' or 'isotonic'.
        """
        frozen = _sklearn("frozen").FrozenEstimator(self.estimator)
        # A frozen estimator is not fitted again, so its predictions need no folds.
        rows = np.arange(len(labels_N))
        calibrated = _sklearn("calibration").CalibratedClassifierCV(
            frozen, method=method, cv=[(rows, rows)]
        )
        calibrated.fit(_standardised(features_ND, self.mean, self.std), labels_N)
        return lambda x_ND: calibrated.predict_proba(_standardised(x_ND, self.mean, self.std))


def fit_logistic_regression(features_ND, labels_N, groups_N, seed: int) -> LogisticRegression:
    """Trains on all rows, with the weight of the data that predicts other groups best.

    The rows are split in halves of whole groups; the balanced log loss on each of a regression on
    the other is added up, and rising weights are tried until it rises.

    Args:
        features_ND: f32[N,D]. labels_N: int[N]. groups_N: any[N].
        seed: of the halves.

    Raises:
        InputError: features that are all the same, a half that lacks a class, or scikit-learn is
            not installed.
    """
    mean, std = features_ND.mean(), features_ND.std(ddof=1)
    if not std > 0:
        raise InputError("all features are the same number", field="features")
    x_ND = _standardised(features_ND, mean, std)
    first, second = halves(groups_N, np.random.default_rng([seed, 2]))
    for rows in (first, second):
        require_classes(labels_N[rows], labels_N.max() + 1, "a half of the training half")
    ways = [(first, second), (second, first)]
    estimators = [_estimator() for _ in ways]
    best, least = DATA_WEIGHTS[0], np.inf
    for weight in DATA_WEIGHTS:
        value = 0.0
        for estimator, (seen, unseen) in zip(estimators, ways):
            estimator.set_params(C=weight).fit(x_ND[seen], labels_N[seen])
            value += _balanced_log_loss(estimator, x_ND[unseen], labels_N[unseen])
        if value > least:
            break
        best, least = weight, value
    estimator = _estimator().set_params(C=best).fit(x_ND, labels_N)
    return LogisticRegression(float(mean), float(std), estimator, best)


def _standardised(features_ND, mean, std):
    return (np.asarray(features_ND, float) - mean) / std


def _estimator():
    return _sklearn("linear_model").LogisticRegression(max_iter=2000, tol=1e-5, warm_start=True)


def _balanced_log_loss(estimator, x_ND, labels_N):
    log_p_NC = np.log(np.maximum(estimator.predict_proba(x_ND), np.finfo(float).tiny))
    return -np.mean([log_p_NC[labels_N == c, c].mean() for c in np.unique(labels_N)])


def require_sklearn() -> None:
    """Raises `InputError` if scikit-learn is not installed, which the core does not bring."""
    _sklearn("linear_model")


def _sklearn(module):
    try:
        return importlib.import_module(f"sklearn.{module}")
    except ImportError as error:
        raise InputError(
            "baselines need the package scikit-learn",
            remedy="pip install 'prm_jax[calibration]'",
        ) from error
