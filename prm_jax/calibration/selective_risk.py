"""Thresholds with a certified selective error: Learn then Test (Angelopoulos et al. 2021).

Of every threshold of a grid that is fixed before any row is seen the hypothesis "among the rows
that it admits the error is above 1 - alpha" is tested by an exact binomial tail, and the thresholds
are walked through from strict to loose so that none is certified wrongly with more than the
probability delta.
"""

import numpy as np
from scipy import stats

LOGITS = np.arange(14.0, -7.1, -0.25)
"""Log-odds of the thresholds, from strict to loose."""

STARTS = 5
"""Thresholds that walks start from, evenly spread over the grid, each with delta / STARTS."""

CELLS = ("all", "every")
"""What is controlled: the error of all admitted rows, or of every true class and every prediction
among them too."""


def thresholds(n_classes: int) -> np.ndarray:
    """Probabilities of the prediction to be tried, from strict to loose; the last admits all."""
    grid = 1 / (1 + np.exp(-LOGITS))
    return np.append(grid[grid > 1 / n_classes], 0.0)


def p_values(score_N, prediction_N, label_N, threshold_K, alpha: float, cells: str = "all"):
    """How well the rows fit a selective error above 1 - alpha, at each threshold.

    Given its number n of rows, the errors of a cell are binomial, so P(at most as many errors as
    there are | n, 1 - alpha) is a p-value. That some cell errs too much is only refuted when it is
    for each, so with `every` the largest of the cells' counts; a cell without rows gives 1.

    Args:
        score_N: float[N] of calibration rows. prediction_N, label_N: int[N].
        threshold_K: rows with at least this score are admitted.
        alpha: the accuracy that is asked for. cells: one of CELLS.

    Returns:
        float[K].
    """
    score_N, prediction_N, label_N = (np.asarray(x) for x in (score_N, prediction_N, label_N))
    error_N = prediction_N != label_N
    of_cells = [np.ones(len(score_N), bool)]
    if cells == "every":
        for c in range(int(label_N.max()) + 1):
            of_cells += [label_N == c, prediction_N == c]
    admitted_NK = score_N[:, None] >= np.asarray(threshold_K)
    tails = []
    for cell_N in of_cells:
        n_K = admitted_NK[cell_N].sum(0)
        errors_K = admitted_NK[cell_N & error_N].sum(0)
        tails.append(np.where(n_K > 0, stats.binom.cdf(errors_K, n_K, round(1 - alpha, 10)), 1.0))
    return np.max(tails, axis=0)


def certified(p_value_K, delta: float, starts: int = STARTS) -> np.ndarray:
    """Hypotheses that are rejected, with at most delta of a wrong one among them.

    From each of `starts` evenly spread places a walk goes on while p-values are at most
    delta / starts (fixed-sequence testing with several starts).

    Args:
        p_value_K: float[K] in the order of the walks. delta: in (0, 1). starts: at most K.

    Returns:
        bool[K].
    """
    passes_K = np.asarray(p_value_K) <= delta / starts
    rejected_K = np.zeros(len(passes_K), bool)
    for start in range(0, len(passes_K) // starts * starts, len(passes_K) // starts):
        walk = passes_K[start:]
        rejected_K[start:] |= np.cumprod(walk).astype(bool)
    return rejected_K


def certified_threshold(
    score_N, prediction_N, label_N, n_classes: int, alpha: float, delta: float, cells: str = "all"
) -> float | None:
    """The lowest threshold whose selective error is certified.

    With probability 1 - delta over the calibration rows, new rows from where these come that reach
    the threshold err in at most the share 1 - alpha: together with `all`, in each true class and
    each prediction with `every`. Rows that were balanced promise it for balanced new ones.

    Args:
        score_N: float[N], probability of the prediction. prediction_N, label_N: int[N].
        n_classes, alpha, delta, cells: as above.

    Returns:
        The threshold, None if there is none.
    """
    threshold_K = thresholds(n_classes)
    p_value_K = p_values(score_N, prediction_N, label_N, threshold_K, alpha, cells)
    passed = threshold_K[certified(p_value_K, delta)]
    return float(passed.min()) if len(passed) else None
