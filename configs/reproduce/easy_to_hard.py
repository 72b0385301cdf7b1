"""Easy-to-hard generalisation of process models (arXiv:2403.09472).

    python -m experiments.reproduce easy_to_hard

Expected: 11 minutes of CPU time.
"""

from ml_collections import ConfigDict

from prm_jax.reproduce.config import is_smoke
from prm_jax.reproduce.population import default_config


def get_config(size="full"):
    """The configuration; size 'smoke' only shows that everything runs."""
    config = default_config()
    config.unlock()
    config.chains = dict(operations="+", modulus=5, error_rate=0.25, copied=0.0)
    config.training.updates = 2500
    config.training.row_length = 96  # for the longest chains
    config.easy_rows = dict(rows=48, row_length=32)  # to train on
    config.optimizer.learning_rate = 1e-2
    config.data = data = ConfigDict()
    data.easy = (2, 3)  # fewest and most steps
    data.hard = (6, 9)
    data.solutions = 10000  # to train on, easy ones
    data.problems = 100  # to test on, of each level
    data.candidates = 16
    if is_smoke(size):
        config.model.d_model, config.model.n_layers = 16, 1
        config.training.updates = 10
        data.solutions, data.problems, data.candidates = 60, 6, 4
    return config.lock()
