"""Best-of-N that abstains where an SDM estimator does not vouch (arXiv:2509.12760).

    python -m experiments.reproduce sdm_selective

Expected: 8 minutes on one core.
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
    data.solutions = 20000
    data.new_problems = 0.3  # share of them that the process model does not learn from
    data.tested = 0.1  # share of them that is answered; the judges are fitted on the other new ones
    data.problems = 300  # to answer, about
    data.candidates = 16
    data.alpha = 0.95
    if is_smoke(size):
        config.model.d_model, config.model.n_layers = 16, 1
        config.training.updates = 10
        config.sdm = dict(width=8, learning_rate=1e-3, epochs=2, min_rows=1)
        data.solutions, data.problems, data.candidates = 400, 10, 4
    return config.lock()
