"""Outcome or process model under label noise ("Rethinking Reward Models", arXiv:2510.00492).

    python -m experiments.reproduce outcome_or_process

Expected: 17 minutes on two cores.
"""

from ml_collections import ConfigDict

from prm_jax.reproduce.config import is_smoke
from prm_jax.reproduce.population import default_config


def get_config(size="full"):
    """The configuration; size 'smoke' only shows that everything runs."""
    config = default_config()
    config.unlock()
    config.chains = dict(operations="+", modulus=3, error_rate=0.15, copied=0.0)
    config.optimizer.learning_rate = 5e-3  # with more, outcomes of long chains are not learnt
    config.training.updates = 1500
    # Rows as long as a chain; outcomes of long chains take longer to learn.
    config.rows_of = rows_of = ConfigDict()
    rows_of.short = dict(rows=48, row_length=28)
    rows_of.long = dict(updates=3500, rows=36, row_length=36)
    config.data = data = ConfigDict()
    data.short = (2, 3)  # fewest and most steps
    data.long = (4, 4)
    data.noise = (0.0, 0.3)  # chance of a step label to be flipped
    data.solutions = 40000  # to train on
    data.problems = 150  # to test on
    data.candidates = 16
    if is_smoke(size):
        config.model.d_model, config.model.n_layers = 16, 1
        config.training.updates = rows_of.long.updates = 10
        data.solutions, data.problems, data.candidates = 60, 6, 4
    return config.lock()
