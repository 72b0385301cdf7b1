"""Uncertainty heads against process models (UHead, arXiv:2511.06209).

    python -m experiments.reproduce uncertainty

Expected: 20 minutes on a busy core, 5 of them of CPU time.
"""

from ml_collections import ConfigDict

from prm_jax.reproduce.config import is_smoke
from prm_jax.reproduce.population import default_config


def get_config(size="full"):
    """The configuration; size 'smoke' only shows that everything runs."""
    config = default_config()
    config.unlock()
    config.chains = dict(min_steps=3, max_steps=3, modulus=10, error_rate=0.0)
    config.training.updates = 500
    config.training.rows = 16
    config.head = dict(d_model=16, n_layers=1, n_heads=2, d_ff=32, dropout=0.0, zero_prompt=False)
    config.wrong_weight = 3.0  # of a wrong step in the head's loss
    config.rank = 3  # of the adapters: about as many parameters as the head
    config.data = data = ConfigDict()
    data.texts = 200  # to train the language model on; it errs at what they do not show
    data.text_updates = 400
    data.solutions = 4000  # of the language model, to train on
    data.problems = 80  # to test on
    data.candidates = 8
    if is_smoke(size):
        config.model.d_model, config.model.n_layers = 16, 1
        config.training.updates = 10
        data.text_updates, data.texts = 10, 20
        data.solutions, data.problems, data.candidates = 60, 6, 4
    return config.lock()
