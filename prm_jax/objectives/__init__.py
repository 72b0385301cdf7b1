"""Losses, one family a file; `registry.py` says what a run can combine them with."""

from prm_jax.objectives.bce import bce
from prm_jax.objectives.bradley_terry import bradley_terry
from prm_jax.objectives.every_token import bce_every_token, orm_every_token
from prm_jax.objectives.implicit import implicit
from prm_jax.objectives.mse import mse
from prm_jax.objectives.ordinal import ordinal
from prm_jax.objectives.orm_bce import orm_bce
from prm_jax.objectives.orm_every_step import orm_every_step
from prm_jax.objectives.prover_advantage import prover_advantage, prover_values
from prm_jax.objectives.q_ranking import q_ranking
from prm_jax.objectives.registry import OBJECTIVES, Objective, check
from prm_jax.objectives.step_and_trajectory import step_and_trajectory
from prm_jax.objectives.two_class import two_class, two_token

orm_last = orm_bce

__all__ = [
    "OBJECTIVES",
    "Objective",
    "bce",
    "bce_every_token",
    "bradley_terry",
    "check",
    "implicit",
    "mse",
    "ordinal",
    "orm_bce",
    "orm_every_step",
    "orm_every_token",
    "orm_last",
    "prover_advantage",
    "prover_values",
    "q_ranking",
    "step_and_trajectory",
    "two_class",
    "two_token",
]
