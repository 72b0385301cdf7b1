"""Scores of steps and of solutions, and choosing among candidates by them."""

from prm_jax.scoring.aggregation import AGGREGATIONS, aggregate, aggregate_batch
from prm_jax.scoring.discriminative import StepScores, score

SCORERS = {"discriminative": score}
"""Scorers by name: (model, params, tokenizer, trajectories, ...) -> list of StepScores."""

__all__ = [
    "AGGREGATIONS",
    "SCORERS",
    "StepScores",
    "aggregate",
    "aggregate_batch",
    "score",
]
