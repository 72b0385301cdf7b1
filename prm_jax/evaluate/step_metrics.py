"""How well step scores tell right steps from wrong ones, and whether they are probabilities.

A soft label y in (0, 1) counts as y of a right step and 1 - y of a wrong one in AUROC and accuracy;
Brier score and calibration error compare the score with y itself.
"""

from collections.abc import Callable, Sequence

import numpy as np

from prm_jax.errors import InputError
from prm_jax.evaluate import bootstrap as boot
from prm_jax.records import Trajectory

N_BINS = 10
RULES = {
    "steps": "those with a label and a score; labels implied by first_error end at the first error",
    "soft_label": "y of a right and 1 - y of a wrong step (AUROC, accuracy); y itself (Brier, ECE)",
    "auroc": "mid-ranks: a tie counts half",
    "accuracy": "a step is predicted right if score >= threshold",
    "brier": "mean of (score - label)^2",
    "ece": f"{N_BINS} bins, sum over bins of share * |mean score - mean label|; bins [a, b), the "
    "last closed; equal mass by rank, equal scores in order of appearance; resamples keep the bins",
    "null_score": "left out",
}


def steps(
    trajectories: Sequence[Trajectory],
    scores: Sequence[Sequence[float | None]],
    *,
    threshold: float = 0.5,
    n_boot: int = boot.N_BOOT,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict:
    """Measures step scores against step labels.

    Args:
        trajectories: with labels, or a first error that implies them.
        scores: per trajectory its step probabilities, None for a step that was not scored.
        threshold: of the accuracy.
        n_boot, seed: of the intervals, bootstrapped over problems.
        progress: called with (resamples done, all).

    Returns:
        dict with `metrics` (auroc, accuracy, brier, ece_width, ece_mass), `undefined` (why a figure
        is null), `rules`, `counts`, `threshold`, `bootstrap`.

    Raises:
        InputError: no step has both a label and a score, or the threshold is not a number.
    """
    if isinstance(threshold, str):
        raise InputError(
            f"{threshold!r} is not a number", field="threshold", remedy="steps takes no tuning"
        )
    problem_of = boot.problem_numbers(trajectories)
    labelled = [
        (p, y, problem)
        for t, s, problem in zip(trajectories, scores, problem_of, strict=True)
        for p, y in zip(s, t.step_labels(), strict=True)
        if p is not None and y is not None
    ]
    if not labelled:
        raise InputError("no step has both a label and a score", field="labels")
    p_N, y_N, problem_N = (np.array(column) for column in zip(*labelled, strict=True))
    problem_N = boot.number(problem_N.tolist())
    n_problems = int(problem_N.max()) + 1
    tables_P = _tables(p_N, y_N, problem_N, threshold)

    def figures(w_P):
        summed = {name: np.tensordot(w_P, table, axes=1) for name, table in tables_P.items()}
        count = summed["count"]
        return np.stack(
            [
                auroc(p_N, y_N, w_P[:, problem_N]),
                summed["hits"] / count,
                summed["brier"] / count,
                *(np.abs(summed[kind]).sum(axis=1) / count for kind in ("ece_width", "ece_mass")),
            ],
            axis=1,
        )

    value_M = figures(np.ones((1, n_problems)))[0]
    drawn_BM = boot.bootstrap(figures, n_problems, n_boot, seed, progress)
    names = ("auroc", "accuracy", "brier", "ece_width", "ece_mass")
    return {
        "metrics": {
            name: boot.estimate(value_M[m], drawn_BM[:, m]) for m, name in enumerate(names)
        },
        "undefined": _undefined(y_N),
        "remarks": boot.without_interval(n_problems),
        "threshold": {"value": float(threshold), "source": "given"},
        "rules": RULES,
        "counts": {
            "solutions": len(trajectories),
            "problems": n_problems,
            "labelled_steps": len(p_N),
            "right_share": float(y_N.mean()),
            "soft_labels": int(((y_N > 0) & (y_N < 1)).sum()),
            "labelled_without_score": sum(
                p is None and y is not None
                for t, s in zip(trajectories, scores)
                for p, y in zip(s, t.step_labels())
            ),
        },
        "bootstrap": boot.description(n_boot, seed),
    }


def _undefined(y_N):
    if (y_N == y_N[0]).all() and y_N[0] in (0, 1):
        return {"auroc": f"every labelled step with a score is {'right' if y_N[0] else 'wrong'}"}
    return {}


def auroc(p_N, y_N, w_BN=None) -> np.ndarray:
    """Probability that a right step scores above a wrong one, ties counted half.

    Args:
        p_N: f[N] scores.
        y_N: f[N] labels in [0, 1]; a soft one counts for both kinds.
        w_BN: f[B,N] weights of the steps in each of B resamples; None is one with all ones.

    Returns:
        f64[B]; NaN where one kind is missing.
    """
    p_N, y_N = np.asarray(p_N, np.float64), np.asarray(y_N, np.float64)
    w_BN = np.ones((1, len(p_N))) if w_BN is None else np.asarray(w_BN)
    order = np.argsort(p_N, kind="stable")
    starts = np.flatnonzero(np.diff(p_N[order], prepend=-np.inf))
    right_BU = np.add.reduceat(w_BN[:, order] * y_N[order], starts, axis=1)
    wrong_BU = np.add.reduceat(w_BN[:, order] * (1 - y_N[order]), starts, axis=1)
    below_BU = np.cumsum(wrong_BU, axis=1) - wrong_BU / 2
    with np.errstate(invalid="ignore"):
        return (right_BU * below_BU).sum(axis=1) / (right_BU.sum(axis=1) * wrong_BU.sum(axis=1))


def ece(p_N, y_N, bins_N) -> float:
    """Expected calibration error with given bins: sum over bins of |sum of (score - label)| / N."""
    return float(np.abs(np.bincount(bins_N, np.asarray(p_N) - np.asarray(y_N))).sum() / len(p_N))


def width_bins(p_N, n_bins: int = N_BINS) -> np.ndarray:
    """Bin of each score in [0, 1], all of equal width: i64[N]."""
    return np.minimum((np.asarray(p_N) * n_bins).astype(np.int64), n_bins - 1)


def mass_bins(p_N, n_bins: int = N_BINS) -> np.ndarray:
    """Bin of each score, bins with equal numbers of scores up to one: i64[N]."""
    bins_N = np.empty(len(p_N), np.int64)
    bins_N[np.argsort(p_N, kind="stable")] = np.arange(len(p_N)) * n_bins // len(p_N)
    return bins_N


def _tables(p_N, y_N, problem_N, threshold):
    """Sums per problem from which every figure but AUROC follows: dict of f[P] or f[P, bins]."""
    n_problems = int(problem_N.max()) + 1

    def per_problem(values_N):
        return np.bincount(problem_N, values_N, minlength=n_problems)

    def per_problem_and_bin(bins_N):
        cells = problem_N * N_BINS + bins_N
        return np.bincount(cells, p_N - y_N, minlength=n_problems * N_BINS).reshape(-1, N_BINS)

    return {
        "count": per_problem(np.ones(len(p_N))),
        "hits": per_problem(np.where(p_N >= threshold, y_N, 1 - y_N)),
        "brier": per_problem((p_N - y_N) ** 2),
        "ece_width": per_problem_and_bin(width_bins(p_N)),
        "ece_mass": per_problem_and_bin(mass_bins(p_N)),
    }
