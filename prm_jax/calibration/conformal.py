"""Conformal prediction sets from class probabilities, as pure functions.

A score says how badly a label fits a row; a set holds the labels whose score is among the lower
ones of the calibration rows. If those are exchangeable with the new row and the score was fixed
without them, the label is in the set with the probability asked for.

    label-conditional   1 - p_y, ranked among the calibration rows of that label only
    APS                 probability of the labels before y, and u p_y (Romano et al. 2020)
    RAPS                APS + strength * max(0, rank of y - free ranks) (Angelopoulos et al. 2021)
"""

import hashlib

import numpy as np

STRENGTHS = (0.001, 0.01, 0.1, 0.2, 0.5)
"""Strengths of RAPS's penalty that its paper tries."""


def conformal_quantile(scores_N, alpha: float) -> float:
    """The place ceil(alpha (n + 1)) of the ascending scores; infinity if there are fewer.

    Args:
        scores_N: float[N], of calibration rows with their own label.
        alpha: in (0, 1), the coverage that is asked for.
    """
    place = int(np.ceil(round(alpha * (len(scores_N) + 1), 10)))
    return float(np.sort(scores_N)[place - 1]) if place <= len(scores_N) else np.inf


def label_p_values(prob_NC, scores_by_class) -> np.ndarray:
    """For each label, the share of its calibration rows that fit no better, the row itself counted.

    Args:
        prob_NC: float[N,C].
        scores_by_class: for each class the ascending 1 - p_y of its calibration rows.

    Returns:
        float[N,C]. The set {c : p-value > 1 - alpha} has the true label with probability alpha
        within every class.
    """
    columns = []
    for c, scores in enumerate(scores_by_class):
        below_N = np.searchsorted(scores, 1 - np.asarray(prob_NC)[:, c], side="left")
        columns.append((len(scores) - below_N + 1) / (len(scores) + 1))
    return np.stack(columns, axis=-1)


def adaptive_scores(prob_NC, u_N, strength: float = 0.0, free_ranks: int = 1) -> np.ndarray:
    """Scores of all labels by APS, or by RAPS with a strength above 0.

    Args:
        prob_NC: float[N,C].
        u_N: float[N] in [0, 1), one number a row for all of its labels.
        strength: added for every rank beyond the free ones.
        free_ranks: the number of labels a set may have without a penalty.

    Returns:
        float[N,C]; of equal probabilities the lower class comes first.
    """
    prob_NC = np.asarray(prob_NC, float)
    order_NC = np.argsort(-prob_NC, axis=-1, kind="stable")
    sorted_NC = np.take_along_axis(prob_NC, order_NC, axis=-1)
    before_NC = np.cumsum(sorted_NC, axis=-1) - sorted_NC
    rank_C = np.arange(1, prob_NC.shape[1] + 1)
    penalty_C = strength * np.maximum(0, rank_C - free_ranks)
    ranked_NC = before_NC + np.asarray(u_N)[:, None] * sorted_NC + penalty_C
    scores_NC = np.empty_like(ranked_NC)
    np.put_along_axis(scores_NC, order_NC, ranked_NC, axis=-1)
    return scores_NC


def adaptive_sets(scores_NC, prob_NC, quantile: float) -> np.ndarray:
    """Labels whose score reaches at most the quantile, and always the most probable one.

    Returns:
        bool[N,C].
    """
    prob_NC = np.asarray(prob_NC)
    return (scores_NC <= quantile) | (np.arange(prob_NC.shape[1]) == prob_NC.argmax(-1)[:, None])


def tune_penalty(prob_NC, label_N, u_N, alpha: float) -> tuple[float, int]:
    """RAPS's strength and free ranks.

    The free ranks are the conformal quantile of the true label's rank. The strength is the one
    whose sets, by their size, are covered most evenly (the paper's adaptiveness criterion): its
    coverage differs least from alpha in the size where it differs most.

    Args:
        prob_NC, label_N, u_N: rows that are not used for the quantile afterwards.
        alpha: the coverage that is asked for.

    Returns:
        `(strength, free_ranks)`, the first of equal strengths.
    """
    prob_NC, label_N = np.asarray(prob_NC), np.asarray(label_N)
    rows, n_classes = np.arange(len(label_N)), prob_NC.shape[1]
    order_NC = np.argsort(-prob_NC, axis=-1, kind="stable")
    rank_N = 1.0 + (order_NC == label_N[:, None]).argmax(-1)
    free_ranks = int(min(conformal_quantile(rank_N, alpha), n_classes))
    violations = []
    for strength in STRENGTHS:
        scores_NC = adaptive_scores(prob_NC, u_N, strength, free_ranks)
        quantile = conformal_quantile(scores_NC[rows, label_N], alpha)
        sets_NC = adaptive_sets(scores_NC, prob_NC, quantile)
        covered_N, size_N = sets_NC[rows, label_N], sets_NC.sum(-1)
        violations.append(max(abs(covered_N[size_N == s].mean() - alpha) for s in set(size_N)))
    return STRENGTHS[int(np.argmin(violations))], free_ranks


def row_uniforms(features_ND, seed: int) -> np.ndarray:
    """A number in [0, 1) for each row that looks random and depends on its features and the seed.

    A randomised set then does not change with the order of rows or with who else is judged, and
    as a score it is as fixed as any other.

    Args:
        features_ND: float[N,D]. seed: not below 0.

    Returns:
        float[N].
    """
    key = int(seed).to_bytes(8, "little")
    rows = np.ascontiguousarray(features_ND, np.float32)
    digests = [hashlib.blake2b(row.tobytes(), digest_size=6, key=key).digest() for row in rows]
    return np.array([int.from_bytes(digest, "little") for digest in digests], float) / 2**48
