"""Merged steps and compressed trees on self-correcting solutions (HRM, arXiv:2503.13551).

    python -m experiments.reproduce hrm

Expected: not measured.
"""

from ml_collections import ConfigDict

from prm_jax.reproduce.population import default_config


def get_config(size="full"):
    """The configuration; size 'smoke' only shows that everything runs."""
    config = default_config()
    config.unlock()
    config.chains = dict(
        min_steps=3,
        max_steps=4,
        operations="+",
        modulus=5,
        error_rate=0.25,
        copied=0.0,
        repair_rate=0.25,
    )
    config.model.window = 8  # merged steps have one more character between them
    config.training.updates = 1000
    config.training.row_length, config.training.max_steps = 68, 8
    config.data = data = ConfigDict()
    data.solutions = 12000  # to train on
    data.solutions_of_problem = 32  # which make a tree
    data.problems = 150  # to test on
    data.candidates = 16
    if size == "smoke":
        config.model.d_model = 16
        config.training.updates = 10
        data.solutions, data.problems, data.candidates = 128, 6, 4
    return config.lock()
