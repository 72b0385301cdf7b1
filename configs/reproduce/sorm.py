"""Step labels against outcomes for finding the first error (GLoRe, arXiv:2402.10963).

    python -m experiments.reproduce sorm

Expected: about 12 minutes on two CPU cores.
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
    config.completer = dict(accuracy=0.8, repair=0.02)
    config.training.updates = 4000  # after 1,500 every arm is still learning fast
    config.data = data = ConfigDict()
    data.solutions = 12000  # to train on
    data.completions = 8  # of each step
    data.tuning = 1000  # solutions, for the threshold
    data.tested = 2000
    if is_smoke(size):
        config.model.d_model, config.model.n_layers = 16, 1
        config.training.updates = 10
        data.solutions, data.tuning, data.tested = 60, 20, 20
    return config.lock()
