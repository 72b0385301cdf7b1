"""Q-value ranking against classification (PQM, arXiv:2410.11287).

    python -m experiments.reproduce q_ranking

Expected: 11 minutes on two cores.
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
    # With a chance of .02 to repair, one wrong step in four has a completion that ends right.
    config.completer = dict(accuracy=0.8, repair=0.005)
    config.training.updates = 2000
    config.data = data = ConfigDict()
    data.solutions = 12000  # to train on
    data.completions = 8  # of each step
    data.problems = 100  # to test on
    data.candidates = 32
    data.chosen_of = (4, 8, 16, 32)
    if is_smoke(size):
        config.model.d_model, config.model.n_layers = 16, 1
        config.training.updates = 10
        data.solutions, data.problems, data.candidates, data.chosen_of = 60, 6, 4, (2, 4)
    return config.lock()
