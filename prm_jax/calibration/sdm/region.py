"""The region in which predictions are as right as was asked for (arXiv:2509.12760, Alg. 1), and a
ladder of regions for falling demands."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from prm_jax.errors import InputError

MIN_ROWS = 100
"""Rows of each class that a region has at least. The published algorithm asks for none and finds
regions of a few rows where there are none."""


NO_REGION, TOO_FEW_ROWS = "no region", "too few rows"


@dataclasses.dataclass(frozen=True)
class Region:
    """What a row needs to be admitted at a level.

    Fields:
        q_min: least rescaled similarity.
        psi_C: float[C], least probability of each class; the prediction's must be reached, and no
            other.
        rows_C: int[C], calibration rows of each true class that it was found on.
        alpha: accuracy that was asked for.
    """

    q_min: float
    psi_C: np.ndarray
    rows_C: np.ndarray
    alpha: float


def find_region(prob_NC, rescaled_N, label_N, alpha: float, min_rows: int = MIN_ROWS):
    """The largest region in which each class's rows are right with the share `alpha`, if it has
    enough of them.

    Args:
        prob_NC, rescaled_N, label_N, alpha: as in `first_region`.
        min_rows: rows of every class that the region must have. Regions shrink as q* rises, so if
            the first has fewer there is none.

    Returns:
        `Region`, None if there is none.

    Raises:
        InputError: as `first_region`.
    """
    region = first_region(prob_NC, rescaled_N, label_N, alpha)
    return None if why_no_region(region, min_rows) else region


def why_no_region(region: Region | None, min_rows: int = MIN_ROWS) -> str:
    """Why a level admits nothing.

    Args:
        region: from `first_region`. min_rows: rows of every class that it must have.

    Returns:
        NO_REGION if there is none, TOO_FEW_ROWS if it is too small to be believed, else ''.
    """
    if region is None:
        return NO_REGION
    return TOO_FEW_ROWS if region.rows_C.min() < min_rows else ""


def first_region(prob_NC, rescaled_N, label_N, alpha: float) -> Region | None:
    """The largest region in which each class's rows are right with the share `alpha`, of any size.

    For rising thresholds q* of the rescaled similarity, psi_c is the value at place
    floor(round(1 - alpha, 10) n_c) of the ascending probabilities of class c among its n_c rows at
    or above q*; the first q* with all psi_c at least alpha is taken. Sorting once, it needs
    O(n log n).

    Args:
        prob_NC: float[N,C] SDM probabilities of calibration rows.
        rescaled_N: float[N] their rescaled similarity; rows with 0 are left out.
        label_N: int[N] true classes.
        alpha: in (0.5, 1).

    Returns:
        `Region`, None if there is none.

    Raises:
        InputError: alpha outside (0.5, 1), shapes that do not fit, or a label outside [0, C).
    """
    prob_NC, rescaled_N, label_N = _checked(prob_NC, rescaled_N, label_N, alpha)
    n_classes = prob_NC.shape[1]
    kept_N = rescaled_N > 0
    order = np.argsort(rescaled_N[kept_N], kind="stable")
    rescaled_R, label_R = rescaled_N[kept_N][order], label_N[kept_N][order]
    true_R = prob_NC[kept_N][order, label_R]
    threshold = prob_NC.dtype.type(alpha)
    starts_U = np.flatnonzero(np.diff(rescaled_R, prepend=-1.0))
    fits_U = np.ones(len(starts_U), bool)
    for c in range(n_classes):
        of_class_R = label_R == c
        n_U = _from(of_class_R, starts_U)
        bad_U = _from(of_class_R & (true_R < threshold), starts_U)
        fits_U &= (n_U > 0) & (bad_U <= np.minimum(_place(alpha, n_U), n_U - 1))
    if not fits_U.any():
        return None
    start = starts_U[fits_U.argmax()]
    psi_C, rows_C = np.zeros(n_classes, prob_NC.dtype), np.zeros(n_classes, int)
    for c in range(n_classes):
        ascending = np.sort(true_R[start:][label_R[start:] == c])
        rows_C[c] = len(ascending)
        psi_C[c] = ascending[min(int(_place(alpha, rows_C[c])), rows_C[c] - 1)]
    return Region(float(rescaled_R[start]), psi_C, rows_C, alpha)


def ladder_levels(step: float) -> list[float]:
    """The levels 1 - step, 1 - 2 step, ... above 0.5.

    Raises:
        InputError: a step outside (0, 0.5).
    """
    if not 0 < step < 0.5:
        raise InputError(f"{step} is not in (0, 0.5)", field="ladder")
    levels, k = [], 1
    while (alpha := round(1 - k * step, 10)) > 0.5:
        levels.append(alpha)
        k += 1
    return levels


def find_levels(
    prob_NC,
    rescaled_N,
    label_N,
    levels: Sequence[float],
    min_rows: int = MIN_ROWS,
    *,
    pred_N=None,
) -> list[Region | None]:
    """The first region of each level, on what the regions of the levels above leave.

    Args:
        prob_NC, rescaled_N, label_N, min_rows: as in `find_region`.
        levels: each in (0.5, 1), falling.
        pred_N: int[N] predictions; None takes the largest probability.

    Returns:
        For each level what `first_region` finds. One that `why_no_region` refuses leaves its rows
        to the levels below.

    Raises:
        InputError: as `find_region`.
    """
    prob_NC, rescaled_N, label_N = (np.asarray(x) for x in (prob_NC, rescaled_N, label_N))
    _check_shapes(prob_NC, rescaled_N, label_N)
    pred_N = prob_NC.argmax(-1) if pred_N is None else np.asarray(pred_N)
    left_N, regions = np.ones(len(label_N), bool), []
    for alpha in levels:
        found = first_region(prob_NC[left_N], rescaled_N[left_N], label_N[left_N], alpha)
        regions.append(found)
        if found is not None and not why_no_region(found, min_rows):
            left_N &= ~admits(found, prob_NC, rescaled_N, pred_N)
    return regions


def find_ladder(
    prob_NC, rescaled_N, label_N, step: float = 0.05, min_rows: int = MIN_ROWS, *, pred_N=None
) -> list[Region]:
    """Regions for alpha = 1 - step, 1 - 2 step, ... above 0.5, each on what those above leave.

    Args:
        prob_NC, rescaled_N, label_N, min_rows, pred_N: as in `find_levels`.
        step: in (0, 0.5).

    Returns:
        The regions that exist, the highest alpha first. "At least alpha" of a lower one is meant
        among the rows that no higher one admits.

    Raises:
        InputError: as `find_region`, or for a step outside (0, 0.5).
    """
    levels = ladder_levels(step)
    found = find_levels(prob_NC, rescaled_N, label_N, levels, min_rows, pred_N=pred_N)
    return [r for r in found if r is not None and not why_no_region(r, min_rows)]


def admits(region: Region, prob_NC, rescaled_N, pred_N) -> np.ndarray:
    """Which rows a region admits.

    Args:
        region: `Region`.
        prob_NC, rescaled_N, pred_N: probabilities, rescaled similarities and predictions of rows.

    Returns:
        bool[N]: the similarity is above 0 and at least q_min, and the prediction is the only class
        whose probability reaches its psi.
    """
    prob_NC, rescaled_N, pred_N = (np.asarray(x) for x in (prob_NC, rescaled_N, pred_N))
    reached_NC = prob_NC >= region.psi_C.astype(prob_NC.dtype)
    only_NC = np.arange(prob_NC.shape[1]) == pred_N[:, None]
    near_N = (rescaled_N > 0) & (rescaled_N >= rescaled_N.dtype.type(region.q_min))
    return near_N & (reached_NC == only_NC).all(axis=1)


def effective_size(rescaled_N, calibration_rescaled_by_class: Sequence, alpha: float):
    """How many calibration rows stand behind a similarity, and how far its distance may be off.

    n_c is the number of calibration rows of class c with a rescaled similarity of at most the
    row's; epsilon is the Dvoretzky-Kiefer-Wolfowitz bound sqrt(ln(2 / (1 - alpha)) / 2 n_c) at the
    smallest of them, 1 where that is 0.

    Args:
        rescaled_N: float[N].
        calibration_rescaled_by_class: for each class an ascending float array of all its
            calibration rows, those with 0 included.
        alpha: in (0.5, 1).

    Returns:
        `(n_hat_NC, epsilon_N)`: int[N,C] and float[N], not clipped.

    Raises:
        InputError: alpha outside (0.5, 1).
    """
    check_alpha(alpha)
    rescaled_N = np.asarray(rescaled_N)
    columns = [
        np.searchsorted(np.asarray(of_class), rescaled_N, side="right")
        for of_class in calibration_rescaled_by_class
    ]
    n_hat_NC = np.stack(columns, axis=-1)
    least_N = n_hat_NC.min(axis=-1)
    bound_N = np.sqrt(np.log(2 / round(1 - alpha, 10)) / (2 * np.maximum(least_N, 1)))
    return n_hat_NC, np.where(least_N > 0, bound_N, 1.0).astype(np.result_type(rescaled_N, 0.0))


def _place(alpha, n):
    """floor((1 - alpha) n), with 1 - alpha as it is meant: 0.1, not 0.09999999999999998."""
    return np.floor(round(1 - alpha, 10) * np.asarray(n)).astype(int)


def _from(flag_R, starts_U):
    """How many are True at each start or after it."""
    return np.cumsum(flag_R[::-1])[::-1][starts_U] if len(flag_R) else np.zeros(0, int)


def _checked(prob_NC, rescaled_N, label_N, alpha):
    check_alpha(alpha)
    prob_NC, rescaled_N, label_N = (np.asarray(x) for x in (prob_NC, rescaled_N, label_N))
    _check_shapes(prob_NC, rescaled_N, label_N)
    if len(label_N) and not 0 <= label_N.min() <= label_N.max() < prob_NC.shape[1]:
        raise InputError("a label is not a class", field="label_N")
    return prob_NC, rescaled_N, label_N


def _check_shapes(prob_NC, rescaled_N, label_N):
    if prob_NC.ndim != 2 or not rescaled_N.shape == label_N.shape == (len(prob_NC),):
        raise InputError(
            f"shapes {prob_NC.shape}, {rescaled_N.shape}, {label_N.shape} do not fit",
            field="prob_NC, rescaled_N, label_N",
        )


def check_alpha(alpha) -> None:
    """Raises `InputError` for an accuracy outside (0.5, 1)."""
    if not 0.5 < alpha < 1:
        raise InputError(f"{alpha} is not between 0.5 and 1", field="alpha")
