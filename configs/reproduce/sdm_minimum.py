"""How often a region is found that is not there (arXiv:2509.12760, Algorithm 1).

    python -m experiments.reproduce sdm_minimum

Expected: some seconds of CPU time; nothing is trained.
"""

from ml_collections import ConfigDict

from prm_jax.reproduce.config import is_smoke


def get_config(size="full"):
    """The configuration; size 'smoke' only shows that everything runs."""
    config = ConfigDict()
    config.data = data = ConfigDict()
    data.alpha = 0.95
    data.error_rate = 0.15
    data.sure = 0.96  # least probability of a prediction
    data.rows = (50, 200, 1000)  # of each class
    data.min_rows = 100
    data.solutions = 400  # draws
    data.tested = 2000  # new rows of each class
    if is_smoke(size):
        data.solutions, data.tested = 4, 500
    return config.lock()
