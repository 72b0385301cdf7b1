"""A two-layer model from scratch on arithmetic chains: for tests and smoke runs, it learns little.

    python -m experiments.train --config=configs/tiny.py --workdir=/tmp/tiny

Expected: some seconds on a CPU.
"""

from prm_jax.train.config import default_config


def get_config():
    """The configuration."""
    config = default_config()
    config.steps = 12
    config.model.name = "random:tiny-llama"
    config.data.train = "synthetic:arithmetic?n=64&seed=0&split=train"
    config.data.validation = "synthetic:arithmetic?n=16&seed=0&split=validation"
    config.data.max_length = 512
    config.data.row_length = 512
    config.data.rows = 8
    config.data.max_steps = 16
    config.optimizer.learning_rate = 1e-2
    config.eval_every = 6
    config.checkpoint_every = 4
    return config
