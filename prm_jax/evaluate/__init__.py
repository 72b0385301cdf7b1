"""Measuring process reward models, with intervals bootstrapped over problems."""

from collections.abc import Callable

from prm_jax.evaluate.baselines import BASELINES, fit_baseline
from prm_jax.evaluate.best_of_n import best_of_n
from prm_jax.evaluate.methods import Parts, auroc_by, measure
from prm_jax.evaluate.processbench import processbench, tune_threshold
from prm_jax.evaluate.step_metrics import steps

TASKS: dict[str, Callable[..., dict]] = {
    "processbench": processbench,
    "best_of_n": best_of_n,
    "steps": steps,
}
"""Tasks by name: (trajectories, scores, **options) -> dict of figures."""

__all__ = [
    "BASELINES",
    "TASKS",
    "Parts",
    "auroc_by",
    "best_of_n",
    "fit_baseline",
    "measure",
    "processbench",
    "steps",
    "tune_threshold",
]
