"""Scores of steps and of solutions, and choosing among candidates by them."""

from prm_jax.scoring.aggregation import AGGREGATIONS, aggregate, aggregate_batch
from prm_jax.scoring.combinators import COMBINATORS, SCORERS
from prm_jax.scoring.discriminative import StepScores, score
from prm_jax.scoring.expression import parse_scorer
from prm_jax.scoring.log_prob import mean_log_prob

__all__ = [
    "AGGREGATIONS",
    "COMBINATORS",
    "SCORERS",
    "StepScores",
    "aggregate",
    "aggregate_batch",
    "mean_log_prob",
    "parse_scorer",
    "score",
]
