"""Ordinal ratings against a score for preferences (OPRM, ICLR 2026).

    python -m experiments.reproduce oprm

Expected: some minutes on two CPU cores.
"""

from ml_collections import ConfigDict

from prm_jax.reproduce.population import default_config


def get_config(size="full"):
    """The configuration; size 'smoke' only shows that everything runs."""
    config = default_config()
    config.unlock()
    config.chains = dict(
        min_steps=1, max_steps=3, operations="+", modulus=5, error_rate=0.3, copied=0.0
    )
    config.training.updates = 1000
    config.training.rows = 12
    config.training.row_length = 104  # two pairs or more
    config.optimizer.learning_rate = 1.5e-2
    config.data = data = ConfigDict()
    data.solutions = 12000  # to train on
    data.candidates = 16  # solutions of each problem, of which pairs are made
    data.problems = 300  # to test on; those to train on among them are left out
    if size == "smoke":
        config.model.d_model = 16
        config.training.updates = 10
        data.solutions, data.problems, data.candidates = 80, 10, 4
    return config.lock()
