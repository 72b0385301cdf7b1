"""Both reading directions against left to right (BiPRM, arXiv:2508.01682).

    python -m experiments.reproduce biprm

Expected: 14 minutes on two cores.
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
        max_steps=4,
        operations="+",
        modulus=4,
        error_rate=0.3,
        copied=0.0,
        repair_rate=0.4,
    )
    config.objectives = ("bce", "mse", "q_ranking")
    config.optimizer.learning_rate = 5e-3  # with more, not all seeds learn in this time
    config.model.n_layers = 3  # with two it learns nothing of repairs in this time
    config.model.window = 12  # reaches the step before in either direction
    config.training.updates = 350
    # Rows as long as a chain; v1 has one for each direction, v2 both in one.
    config.training.rows, config.training.row_length, config.training.max_steps = 40, 36, 4
    config.rows_of = dict(v1=dict(rows=80), v2=dict(row_length=72, max_steps=8))
    config.data = data = ConfigDict()
    data.solutions = 12000  # to train on
    data.problems = 150  # to test on
    data.candidates = 16
    if is_smoke(size):
        config.objectives = ("bce",)
        config.model.d_model, config.model.n_layers = 16, 1
        config.training.updates = 10
        data.solutions, data.problems, data.candidates = 60, 6, 4
    return config.lock()
