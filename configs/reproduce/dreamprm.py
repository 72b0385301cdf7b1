"""Weights of sources learnt on outcomes (DreamPRM, arXiv:2505.20241).

    python -m experiments.reproduce dreamprm

Expected: 9 minutes on two cores; the arm with learnt weights costs about four of the others.
"""

from ml_collections import ConfigDict

from prm_jax.reproduce.config import is_smoke
from prm_jax.reproduce.population import default_config
from prm_jax.train.config import default_config as default_training


def get_config(size="full"):
    """The configuration; size 'smoke' only shows that everything runs."""
    config = default_config()
    config.unlock()
    config.chains = dict(
        min_steps=3, max_steps=5, operations="+", modulus=3, error_rate=0.2, copied=0.0
    )
    config.training.updates = 1200
    config.training.rows, config.training.row_length = 36, 44
    config.bilevel = default_training().bilevel
    config.bilevel.unlock()
    config.bilevel.unroll = 1
    config.bilevel.learning_rate = 0.02
    config.data = data = ConfigDict()
    data.flipped = (0.0, 0.1, 0.5)  # share of the labels of each source
    data.solutions = 4000  # of each source
    data.trusted = 500
    data.problems = 200  # to test on
    data.candidates = 16
    if is_smoke(size):
        config.model.d_model, config.model.n_layers = 16, 1
        config.training.updates = 10
        data.solutions, data.trusted, data.problems, data.candidates = 20, 20, 6, 4
    return config.lock()
