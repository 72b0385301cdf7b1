"""Choosing among the candidates of one problem: best-of-N, votes, and what choosing could reach.

For N below the number of candidates G the figures are means over the N-subsets of the candidates:
exact for best-of-N and pass@N, over seeded random subsets for votes. N above G means all G.

Rules for ties: best-of-N takes the first of equal scores; a vote takes, of answers with equal
weight, the one whose first candidate in the subset comes first. A candidate without a score ranks
last and has weight 0; one without an answer does not vote.
"""

from collections.abc import Sequence
from math import comb

import numpy as np

from prm_jax.errors import InputError
from prm_jax.scoring.answers import NO_ANSWER

DRAWS = 256
SUBSAMPLING = ("subsets", "prefix")


def ranking(scores_G: Sequence[float | None]) -> np.ndarray:
    """Candidates from best to worst: i64[G]; equal scores in order, no score (None, NaN) last."""
    s_G = np.array([np.nan if s is None else s for s in scores_G], np.float64)
    return np.argsort(np.where(np.isnan(s_G), np.inf, -s_G), kind="stable")


def best_of_n(scores_G: Sequence[float | None], correct_G, n: int) -> float:
    """Probability that the best-scored of a random n-subset of the candidates is right.

    The candidate of rank k is the best of comb(G-1-k, n-1) of the comb(G, n) subsets.

    Args:
        scores_G: a score a candidate, None for none.
        correct_G: bool or float[G], 1 for a right answer.
        n: size of the subsets; more than G means G.

    Returns:
        In [0, 1].
    """
    G = len(scores_G)
    n = check_n(n, G)
    weights_G = np.array([comb(G - 1 - k, n - 1) / comb(G, n) for k in range(G)])
    return float(weights_G @ np.asarray(correct_G, np.float64)[ranking(scores_G)])


def pass_at_n(correct_G, n: int) -> float:
    """Probability that a random n-subset has a right candidate: 1 - comb(G-c, n) / comb(G, n).

    Chen et al., arXiv:2107.03374, equation 1.

    Args:
        correct_G: bool[G].
        n: size of the subsets; more than G means G.
    """
    G, wrong = len(correct_G), len(correct_G) - int(np.sum(correct_G))
    n = check_n(n, G)
    return 1 - comb(wrong, n) / comb(G, n)


def subsets(n_candidates: int, n: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Random n-subsets of G candidates: bool[draws, G], or bool[1, G] if n takes them all."""
    n = check_n(n, n_candidates)
    if n == n_candidates:
        return np.ones((1, n_candidates), bool)
    return rng.random((draws, n_candidates)).argsort().argsort() < n


def prefix(n_candidates: int, n: int) -> np.ndarray:
    """The first n of G candidates as the only subset: bool[1, G]."""
    return np.arange(n_candidates)[None] < check_n(n, n_candidates)


def vote(classes_G, weights_G, mask_RG) -> np.ndarray:
    """The candidate that stands for the winning answer of each subset.

    Args:
        classes_G: i[G], number of each candidate's answer, as `answers.answer_classes` gives it.
        weights_G: float[G], none negative; all ones is majority voting.
        mask_RG: bool[R,G], the candidates of each of R subsets.

    Returns:
        i64[R]: the first candidate of the subset that has the winning answer; -1 if none has an
        answer.

    Raises:
        InputError: a weight is negative.
    """
    weights_G = np.nan_to_num(np.asarray(weights_G, np.float64))
    if (weights_G < 0).any():
        raise InputError(
            "a vote's weights must not be negative",
            field="aggregation",
            remedy="use an aggregation in [0, 1]",
        )
    classes_G = np.asarray(classes_G)
    member_CG = classes_G[None] == np.unique(classes_G[classes_G != NO_ANSWER])[:, None]
    if not len(member_CG):
        return np.full(len(mask_RG), -1)
    in_RCG = mask_RG[:, None] & member_CG[None]
    present_RC = in_RCG.any(axis=2)
    first_RC = np.where(present_RC, in_RCG.argmax(axis=2), len(classes_G))
    total_RC = np.where(present_RC, (mask_RG * weights_G) @ member_CG.T, -1.0)
    tied_RC = total_RC == total_RC.max(axis=1, keepdims=True)
    winner_R = np.where(tied_RC, first_RC, len(classes_G)).min(axis=1)
    return np.where(present_RC.any(axis=1), winner_R, -1)


def vote_accuracy(classes_G, weights_G, correct_G, mask_RG) -> float:
    """Mean over subsets of whether the candidate that `vote` gives is right; no answer is wrong."""
    chosen_R = vote(classes_G, weights_G, mask_RG)
    return float(np.mean(np.append(np.asarray(correct_G, np.float64), 0.0)[chosen_R]))


def check_n(n: int, n_candidates: int) -> int:
    """`n`, at most the number of candidates; `InputError` if it is below 1."""
    if n < 1:
        raise InputError(f"cannot choose among {n} candidates", field="n", remedy="give 1 or more")
    return min(n, n_candidates)
