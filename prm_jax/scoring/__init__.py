"""Scores of steps and of solutions, and choosing among candidates by them."""

from prm_jax.scoring.aggregation import AGGREGATIONS, aggregate, aggregate_batch
from prm_jax.scoring.discriminative import StepScores, score
from prm_jax.scoring.log_prob import mean_log_prob

SCORERS = {"discriminative": score, "mean_log_prob": mean_log_prob}
"""Scorers by name: (model, params, tokenizer, trajectories, ...) -> list of StepScores."""

__all__ = [
    "AGGREGATIONS",
    "SCORERS",
    "StepScores",
    "aggregate",
    "aggregate_batch",
    "mean_log_prob",
    "score",
]
