"""Outcome or process model under label noise ("Rethinking Reward Models", arXiv:2510.00492).

    python -m experiments.reproduce outcome_or_process

Expected: 32 minutes on one core, so about 16 on two.
"""

from ml_collections import ConfigDict

from prm_jax.reproduce.population import default_config


def get_config(size="full"):
    """The configuration; size 'smoke' only shows that everything runs."""
    config = default_config()
    config.unlock()
    config.chains = dict(operations="+", modulus=5, error_rate=0.15, copied=0.0)
    config.training.updates = 4000
    # As long as a chain, and with about as many tokens.
    config.rows_of = dict(short=dict(rows=48, row_length=28), long=dict(rows=30, row_length=52))
    config.data = data = ConfigDict()
    data.short = (2, 3)  # fewest and most steps
    data.long = (5, 6)
    data.noise = (0.0, 0.4)  # chance of a step label to be flipped
    data.solutions = 12000  # to train on
    data.problems = 150  # to test on
    data.candidates = 16
    if size == "smoke":
        config.model.d_model = 16
        config.training.updates = 10
        data.noise = (0.0, 0.4)
        data.solutions, data.problems, data.candidates = 60, 6, 4
    return config.lock()
