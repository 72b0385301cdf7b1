"""Solution scores without what their length explains.

A straight line is fitted to the log-odds of solution scores by least squares, and taken away:

    s = intercept + slope * length + rest        fitted on given scores
    debiased(s) = s - slope * (length - centre)   centre: the mean length of the fit

so scores keep their mean and have no correlation with length on what was fitted on. Right
solutions may truly be shorter: a fit on solutions of equal problems, or on right ones only, takes
away less that is true. The parameters stand in the scorer's line and so in every record.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.scoring.aggregation import SIGNED, aggregate, check_method, logit
from prm_jax.scoring.discriminative import StepScores

MEASURES = ("characters", "steps", "tokens")


@dataclasses.dataclass(frozen=True)
class LengthFit:
    """A line of solution log-odds over length.

    Fields:
        slope: log-odds a unit of length. centre: mean length.
        correlation: Pearson's, of scores and lengths, before the line is taken away.
        n: solutions it was fitted on.
    """

    slope: float
    centre: float
    correlation: float
    n: int


def length_debiased(
    scorer,
    *,
    slope: float,
    centre: float,
    aggregation: str = "min",
    measure: str = "characters",
):
    """Takes the fitted share of length from the solution score.

    Args:
        scorer: what scores the steps.
        slope, centre: as `fit_length` gives them.
        aggregation: how steps become the solution score; one in [0, 1].
        measure: a name in MEASURES; that of the fit.

    Returns:
        A scorer; the solution score stands at the last step and all others have None, so that
        every aggregation in [0, 1] of the result is that score.

    Raises:
        InputError: a parameter is no finite number, or an unknown or signed aggregation or an
            unknown measure is named.
    """
    for name, value in (("slope", slope), ("centre", centre)):
        if not math.isfinite(value):
            raise InputError(f"{value} is no finite number", field=f"length_debiased.{name}")
    check_method(aggregation)
    if aggregation in SIGNED:
        raise InputError(
            f"{aggregation} is no probability, and its length is in its sum",
            field="length_debiased.aggregation",
            remedy="use an aggregation in [0, 1]",
        )
    _check_measure(measure)

    def score(model, params, tokenizer, trajectories, **options):
        rows = scorer(model, params, tokenizer, trajectories, **options)
        found = []
        for row, trajectory in zip(rows, trajectories, strict=True):
            s = solution_logit(row.step_scores, aggregation)
            if s is not None:
                s -= slope * (solution_length(trajectory, measure, tokenizer) - centre)
            logits = (None,) * (len(trajectory.steps) - 1) + (s,)
            found.append(StepScores.from_logits(logits, row.truncated))
        return found

    return score


def fit_length(logits: Sequence[float | None], lengths: Sequence[float]) -> LengthFit:
    """Fits the line on given solutions.

    Args:
        logits: log-odds of solution scores, as `solution_logit` gives them; None is left out.
        lengths: one a solution, as `solution_length` gives them.

    Returns:
        `LengthFit`.

    Raises:
        InputError: there are not two different lengths among scored solutions.
        ValueError: not a length a solution.
    """
    pairs = [(s, x) for s, x in zip(logits, lengths, strict=True) if s is not None]
    s_N, x_N = np.array(pairs, np.float64).reshape(-1, 2).T
    if len(set(x_N)) < 2:
        raise InputError(
            "a line needs scored solutions of two different lengths", field="length_debiased"
        )
    s_N, dx_N = s_N - s_N.mean(), x_N - x_N.mean()
    spread = math.sqrt(np.sum(s_N**2) * np.sum(dx_N**2))
    return LengthFit(
        slope=float(np.sum(s_N * dx_N) / np.sum(dx_N**2)),
        centre=float(x_N.mean()),
        correlation=float(np.sum(s_N * dx_N) / spread) if spread else 0.0,
        n=len(pairs),
    )


def solution_logit(step_scores: Sequence[float | None], aggregation: str = "min") -> float | None:
    """The log-odds of a solution's score in [0, 1]; None if no step was scored."""
    if all(p is None for p in step_scores):
        return None
    return float(logit(aggregate(step_scores, aggregation)))


def solution_length(trajectory: Trajectory, measure: str = "characters", tokenizer=None) -> int:
    """The length of all steps of a solution.

    Args:
        trajectory: the solution; its problem does not count.
        measure: a name in MEASURES.
        tokenizer: needed for tokens; each step is tokenised on its own.

    Raises:
        InputError: the measure is unknown.
    """
    _check_measure(measure)
    if measure == "steps":
        return len(trajectory.steps)
    if measure == "characters":
        return sum(map(len, trajectory.steps))
    return sum(len(tokenizer.encode(step)) for step in trajectory.steps)


def _check_measure(measure):
    if measure not in MEASURES:
        raise InputError(
            f"unknown measure {measure!r}",
            field="length_debiased.measure",
            remedy=f"one of {', '.join(MEASURES)}",
        )
