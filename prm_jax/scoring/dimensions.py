"""A weighted sum of several signals of a solution (DRM, arXiv:2510.11457).

    z = sum over signals of weight * (signal - centre) / scale

A signal is the log-odds of a solution's score by any scorer. DRM's three are confidence
(mean_log_prob), relevance (relevance) and coherence (an outcome model, such as
orm(model(path="..."))):

    dimensions(mean_log_prob, relevance, orm, weights=(0.3, 0.2, 0.5), centres=(...), scales=(...))

The paper's weights come from a grid search; how it brings signals to one scale is not published.
`scoring.dimension_weights` finds weights, centres and scales. They stand in the scorer's line, so a
score does not depend on what else is scored.
"""

import math

import numpy as np

from prm_jax.errors import InputError
from prm_jax.scoring.aggregation import SIGNED, check_method
from prm_jax.scoring.discriminative import StepScores
from prm_jax.scoring.length_debiased import solution_logit
from prm_jax.scoring.merging import share_progress


def dimensions(
    *scorers,
    weights: tuple,
    centres: tuple = (),
    scales: tuple = (),
    aggregation: str = "mean",
):
    """The weighted sum of what several scorers say of a solution.

    Args:
        scorers: two or more, of steps or of solutions.
        weights: a number a scorer.
        centres, scales: what a signal's log-odds are standardised by, a number a scorer; () takes
            them as they are.
        aggregation: steps to solution; one in [0, 1].

    Returns:
        A scorer; the sum stands as log-odds at the last step and all others have None. A solution
        that one signal is missing of has none.

    Raises:
        InputError: fewer than two scorers, not a number for each, a scale that is not positive, or
            an aggregation that is no probability.
    """
    n = len(scorers)
    if n < 2:
        raise InputError(
            f"dimensions of {n}",
            field="dimensions",
            remedy="name two or more, for example dimensions(mean_log_prob, relevance, ...)",
        )
    for name, values in (("weights", weights), ("centres", centres), ("scales", scales)):
        numbers = all(isinstance(x, int | float) and math.isfinite(x) for x in values)
        if not numbers or len(values) != n and (values or name == "weights"):
            raise InputError(f"{values!r} is not {n} numbers", field=f"dimensions.{name}")
    if min(scales, default=1) <= 0:
        raise InputError(f"{scales!r} are not above 0", field="dimensions.scales")
    check_method(aggregation)
    if aggregation in SIGNED:
        raise InputError(
            f"{aggregation} is no probability",
            field="dimensions.aggregation",
            remedy="use an aggregation in [0, 1]",
        )
    factors = np.array(weights) / np.array(scales or [1.0] * n)
    shift = float(np.sum(factors * np.array(centres or [0.0] * n)))

    def score(model, params, tokenizer, trajectories, *, progress=None, **options):
        shared = share_progress(progress, len(trajectories) * n, len(trajectories))
        columns = [
            scorer(model, params, tokenizer, trajectories, progress=shared, **options)
            for scorer in scorers
        ]
        return [_summed(members, factors, shift, aggregation) for members in zip(*columns)]

    return score


def _summed(members, factors, shift, aggregation):
    signals = [solution_logit(member.step_scores, aggregation) for member in members]
    z = None if None in signals else float(np.sum(factors * np.array(signals)) - shift)
    before = (None,) * (len(members[0].step_scores) - 1)
    return StepScores.from_logits((*before, z), any(member.truncated for member in members))
