"""SDM estimators fitted on halves split by row or by problem (arXiv:2509.12760).

    python -m experiments.reproduce sdm_split

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
        min_steps=3, max_steps=5, operations="+", modulus=5, error_rate=0.2, copied=0.0
    )
    config.training.updates = 2000
    config.training.rows, config.training.row_length = 36, 44
    config.sdm = dict(width=200, learning_rate=1e-3, epochs=20)
    config.data = data = ConfigDict()
    data.solutions = 12000  # for the process model
    data.problems = 100  # to fit on, and as many to test on
    data.candidates = 24  # solutions of each
    data.alpha = 0.95
    if is_smoke(size):
        config.model.d_model, config.model.n_layers = 16, 1
        config.training.updates = 10
        config.sdm = dict(width=8, learning_rate=1e-3, epochs=2, min_rows=1)
        data.solutions, data.problems, data.candidates = 60, 8, 4
    return config.lock()
