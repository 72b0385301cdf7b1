"""Fine-tunes SmolLM2-135M into a process reward model on step-labelled solutions of one's own.

    python -m experiments.train --config=configs/smollm2_135m_prm.py --workdir=runs/mine \
        --config.data.train=solutions.jsonl

The upper third of the layers is trained, which fits two CPU cores and a
few thousand solutions. There `config.microbatches=4`, a row at a time, is faster and takes less
memory. With an accelerator set `config.model.train_layers=-1`, `config.model.dtype=bfloat16`,
`config.model.remat=full` and `config.optimizer.learning_rate=2e-5`.
"""

from prm_jax.train.config import default_config


def get_config():
    """The configuration."""
    config = default_config()
    config.epochs = 2
    config.objective = "bce"
    config.model.name = "smollm2-135m"
    config.model.train_layers = 10
    config.data.validation_fraction = 0.1
    config.data.max_length = 1024
    config.data.row_length = 1024
    config.data.rows = 4
    config.data.max_steps = 128
    config.data.unlabelled = "drop"
    config.optimizer.learning_rate = 2e-4
    config.optimizer.decay = "linear"
    config.eval_every = 50
    config.checkpoint_every = 50
    config.compilation_cache = "~/.cache/prm_jax/xla"
    return config
