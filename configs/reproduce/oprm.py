"""Ordinal ratings against a score for preferences (OPRM, ICLR 2026).

    python -m experiments.reproduce oprm

Expected: 15 minutes on one core.
"""

from ml_collections import ConfigDict

from prm_jax.reproduce.config import is_smoke
from prm_jax.reproduce.population import default_config


def get_config(size="full"):
    """The configuration; size 'smoke' only shows that everything runs."""
    config = default_config()
    config.unlock()
    config.chains = dict(
        min_steps=1, max_steps=2, operations="+-", modulus=10, error_rate=0.3, copied=0.0
    )
    config.training.updates = 3500  # after 1,500 one seed in two had learnt little
    config.training.rows = 16
    config.training.row_length = 76  # two pairs or more
    config.optimizer.learning_rate = 1e-2
    config.data = data = ConfigDict()
    data.text_updates = 1000  # of the language model that the arms start from
    data.solutions = 16000  # of which pairs are made
    data.candidates = 8  # solutions of a problem; it can be drawn again
    data.held_out = 0.15  # share of the problems, to test on
    if is_smoke(size):
        config.model.d_model, config.model.n_layers = 16, 1
        config.training.updates = 10
        data.text_updates, data.solutions = 10, 240
    return config.lock()
