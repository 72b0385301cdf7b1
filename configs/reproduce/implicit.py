"""Process rewards from outcomes alone (arXiv:2412.01981).

    python -m experiments.reproduce implicit

Expected: about four minutes of CPU time; six on two busy cores.
"""

from ml_collections import ConfigDict

from prm_jax.reproduce.config import is_smoke
from prm_jax.reproduce.population import default_config


def get_config(size="full"):
    """The configuration; size 'smoke' only shows that everything runs."""
    config = default_config()
    config.unlock()
    config.chains = dict(
        min_steps=3, max_steps=5, operations="+", modulus=5, error_rate=0.2, copied=0.0
    )
    config.training.updates = 800  # of the policy and of the PRM, from scratch
    config.training.row_length = 84  # two solutions of the most steps
    config.training.rows = 16
    config.tuning = tuning = ConfigDict()
    tuning.updates = 150  # of the policy, to a model that gives rewards
    tuning.learning_rate = 1e-3  # ten times as much makes losses rise at first
    config.beta = 5.0
    config.data = data = ConfigDict()
    data.solutions = 6000  # to train on
    data.attempts = 8  # solutions of each problem among them
    data.problems = 100  # to test on
    data.candidates = 16
    if is_smoke(size):
        config.model.d_model, config.model.n_layers = 16, 1
        config.training.updates = tuning.updates = 10
        data.solutions, data.attempts, data.problems, data.candidates = 64, 8, 6, 4
    return config.lock()
