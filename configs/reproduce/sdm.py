"""SDM estimators on a small process model (arXiv:2509.12760).

    python -m experiments.reproduce sdm

Expected: 12 minutes on one core.
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
    config.training.updates = 1000
    config.training.row_length = 96  # for the longer chains
    config.short_rows = dict(rows=36, row_length=44)  # to train on
    config.sdm = dict(width=200, learning_rate=1e-3, epochs=20)
    config.data = data = ConfigDict()
    data.solutions = 24000
    data.new_problems = 0.5  # share of them that the process model does not learn from
    data.tested = 0.35  # share of the new ones that is judged, and not fitted on
    data.shifted = 2000  # solutions of each other world
    data.alphas = (0.95, 0.9)  # accuracies that are asked for
    if is_smoke(size):
        config.model.d_model, config.model.n_layers = 16, 1
        config.training.updates = 10
        config.sdm = dict(width=8, learning_rate=1e-3, epochs=2, min_rows=1)
        data.solutions, data.shifted = 800, 20
    return config.lock()
