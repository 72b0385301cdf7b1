"""Weights of the signals of `scoring.dimensions`, from a grid search on solutions with outcomes.

Signals are standardised by their mean and deviation, and the weights are those of the best AUROC of
right over wrong solutions.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from prm_jax.errors import InputError
from prm_jax.evaluate.step_metrics import auroc

GRID = 10
"""Weights that are tried are multiples of 1 / GRID that add up to 1."""


@dataclasses.dataclass(frozen=True)
class DimensionsFit:
    """What a weighted sum needs, a number a signal in each field; and its AUROC on the fit."""

    weights: tuple[float, ...]
    centres: tuple[float, ...]
    scales: tuple[float, ...]
    auroc: float


def fit_dimensions(
    logits: Sequence[Sequence[float | None]], outcomes: Sequence[float | None]
) -> DimensionsFit:
    """Searches the weights that tell right solutions from wrong ones best.

    Args:
        logits: a row a signal, of a number a solution, as `solution_logit` gives them.
        outcomes: 1 for a right solution, 0 for a wrong one, None if unknown.

    Returns:
        `DimensionsFit`; among equally good weights those nearest to equal ones.

    Raises:
        InputError: fewer than two signals, solutions that have all signals and an outcome are not
            of both kinds, or a signal is the same for all of them.
    """
    if len(logits) < 2:
        raise InputError("one signal has no weights to fit", field="scores", remedy="give two")
    known = [x for x in zip(outcomes, *logits, strict=True) if None not in x]
    x_NM = np.array(known, np.float64).reshape(len(known), 1 + len(logits))
    y_N, x_NM = x_NM[:, 0], x_NM[:, 1:]
    if len(set(y_N)) < 2:
        raise InputError(
            "the fit needs right and wrong solutions with all signals",
            field="outcome",
            remedy="give solutions with `outcome` 0 or 1",
        )
    centre_M, scale_M = x_NM.mean(axis=0), x_NM.std(axis=0)
    if (scale_M <= 0).any():
        raise InputError("a signal is the same for all solutions", field="scores")
    z_NM = (x_NM - centre_M) / scale_M
    best = max(_grid(x_NM.shape[1]), key=lambda w: float(auroc(z_NM @ np.array(w), y_N)[0]))
    return DimensionsFit(
        weights=best,
        centres=tuple(centre_M.tolist()),
        scales=tuple(scale_M.tolist()),
        auroc=float(auroc(z_NM @ np.array(best), y_N)[0]),
    )


def _grid(n):
    """Weights of n signals, nearest to equal ones first."""
    parts = itertools.product(range(GRID + 1), repeat=n - 1)
    whole = [(*p, GRID - sum(p)) for p in parts if sum(p) <= GRID]
    whole.sort(key=lambda p: sum(x * x for x in p))
    return [tuple(x / GRID for x in p) for p in whole]
