"""Calibration by temperature: log-odds divided by one number that is fitted on labelled steps.

Guo et al., arXiv:1706.04599. The order of the steps' scores does not change.
"""

import math
from collections.abc import Sequence

import numpy as np

from prm_jax.errors import InputError
from prm_jax.scoring.discriminative import StepScores

LOG_RANGE = (math.log(0.01), math.log(100.0))
"""Temperatures that a fit can give, as logarithms."""


def temperature(scorer, *, value: float):
    """Divides the log-odds of every step.

    Args:
        scorer: what scores the steps.
        value: the temperature; above 1 draws probabilities towards 0.5.

    Returns:
        A scorer.

    Raises:
        InputError: the temperature is not positive and finite.
    """
    if not 0 < value < math.inf:
        raise InputError(
            f"{value!r} is no temperature", field="temperature.value", remedy="give one above 0"
        )

    def score(*arguments, **options):
        return [_divided(scores, value) for scores in scorer(*arguments, **options)]

    return score


def fit_temperature(logits: Sequence[float], labels: Sequence[float]) -> float:
    """The temperature with the least cross-entropy on labelled steps.

    The cross-entropy is convex in 1/temperature, so its minimum is where the derivative in it,
    sum s * (sigmoid(s / temperature) - label), is 0; it is found by bisection.

    Args:
        logits: log-odds of steps.
        labels: one a step, in [0, 1].

    Returns:
        The temperature, within exp(LOG_RANGE): its ends stand for steps that are all told apart,
        and for scores that say nothing or the opposite.

    Raises:
        InputError: no steps, or not a label a step.
    """
    s_N, y_N = np.asarray(logits, np.float64), np.asarray(labels, np.float64)
    if not len(s_N) or s_N.shape != y_N.shape:
        raise InputError(
            f"{len(s_N)} scores and {len(y_N)} labels", field="labels", remedy="give one a step"
        )

    def slope(log_temperature):
        p_N = np.exp(-np.logaddexp(0, -s_N * math.exp(-log_temperature)))
        return np.sum(s_N * (p_N - y_N))

    low, high = LOG_RANGE
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return math.exp((low + high) / 2)


def _divided(scores, value):
    logits = [None if s is None else s / value for s in scores.step_logits]
    return StepScores.from_logits(logits, scores.truncated, scores.of_solution)
