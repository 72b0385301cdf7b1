"""Learnt weights of the training sources (DreamPRM, arXiv:2505.20241): the sources that help a
model to judge whole solutions get more weight.

    python -m experiments.train --config=configs/dreamprm.py --workdir=runs/dreamprm

Expected: most of a day on two CPU cores, not measured; made for an accelerator. The sources here
are made by program; those of one's own, and solutions with trusted outcomes, come in their place
with `--config.data.train=ONE.jsonl,OTHER.jsonl --config.bilevel.meta=TRUSTED.jsonl`. A tiny model,
in less than a minute:

    python -m experiments.train --config=configs/dreamprm.py --workdir=/tmp/dreamprm \
        --config.model.name=random:tiny-llama --config.steps=12 --config.model.train_layers=-1

As in the paper: squared errors, a linear head, an update of the weights after five of the model, by
AdamW with .01 and gradients by finite differences. The paper trains Qwen2-VL-2B with 5e-7 on one
solution an update. The weights are in metrics.jsonl and TensorBoard as `weight/SOURCE`.
"""

from prm_jax.train.config import default_config

FAMILIES = ("arithmetic", "gcd", "dyck", "sorting")


def get_config():
    """The configuration."""
    config = default_config()
    config.steps = 2000
    config.objective = "mse"
    config.model.name = "smollm2-135m"
    config.model.train_layers = 10
    config.data.train = ",".join(
        f"synthetic:{family}?n=2000&seed=0&split=train" for family in FAMILIES
    )
    config.data.validation = f"synthetic:{'+'.join(FAMILIES)}?n=200&seed=0&split=validation"
    config.data.row_length = config.data.max_length = 1024
    config.data.rows = 4
    config.data.max_steps = 128
    config.data.unlabelled = "drop"
    config.bilevel.meta = f"synthetic:{'+'.join(FAMILIES)}?n=1000&seed=1&split=train"
    config.bilevel.method = "finite_difference"
    config.bilevel.unroll = 5
    config.bilevel.learning_rate = 0.01
    config.optimizer.learning_rate = 1e-4
    config.eval_every = 100
    config.checkpoint_every = 100
    return config
