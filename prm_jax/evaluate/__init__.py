"""Measuring process reward models, with intervals bootstrapped over problems."""

from collections.abc import Callable

from prm_jax.evaluate.baselines import BASELINES, fit_baseline
from prm_jax.evaluate.best_of_n import best_of_n
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
    "best_of_n",
    "fit_baseline",
    "processbench",
    "steps",
    "tune_threshold",
]
