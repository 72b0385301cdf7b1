"""Aggregation and the source of the labels ("Lessons of Developing PRMs", arXiv:2501.07301).

    python -m experiments.reproduce aggregation

Expected: 5 minutes on one core.
"""

from ml_collections import ConfigDict

from prm_jax.reproduce.config import is_smoke
from prm_jax.reproduce.population import default_config


def get_config(size="full"):
    """The configuration; size 'smoke' only shows that everything runs."""
    config = default_config()
    config.unlock()
    config.chains = dict(
        min_steps=3,
        max_steps=5,
        operations="+",
        modulus=5,
        error_rate=0.2,
        copied=0.0,
        repair_rate=0.15,
    )
    config.completer = dict(accuracy=0.8, repair=0.15)
    config.training.updates = 1500
    config.data = data = ConfigDict()
    data.solutions = 12000  # to train on
    data.completions = 8  # of each step
    data.problems = 150  # to test on
    data.candidates = 16
    if is_smoke(size):
        config.model.d_model, config.model.n_layers = 16, 1
        config.training.updates = 10
        data.solutions, data.problems, data.candidates = 60, 6, 4
    return config.lock()
