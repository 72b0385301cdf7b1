"""Merged steps and compressed trees on self-correcting solutions (HRM, arXiv:2503.13551).

    python -m experiments.reproduce hrm

Expected: 8 to 9 minutes on one core.
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
    config.model.n_layers = 3  # with two it learns nothing of repairs in this time
    config.model.window = 8  # merged steps have one more character between them
    config.training.updates = 1200
    config.trees = dict(updates=300, learning_rate=3e-3)  # after those on labelled steps
    config.training.row_length, config.training.max_steps = 68, 8
    config.data = data = ConfigDict()
    data.solutions = 8000  # to train on, with labelled steps
    data.trees = 300  # problems
    data.solutions_of_problem = 32
    data.min_children = 4  # of a step that compression takes
    data.problems = 150  # to test on
    data.candidates = 16
    if is_smoke(size):
        config.model.d_model, config.model.n_layers = 16, 1
        config.training.updates = config.trees.updates = 10
        data.solutions, data.trees = 60, 3
        data.problems, data.candidates = 6, 4
    return config.lock()
