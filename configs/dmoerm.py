"""DMoERM (arXiv:2403.01197): experts of several categories, and a router before them.

The training has three phases, here for two categories of two experts each. All rows are solutions
with outcomes, of which each problem has right and wrong ones; `source` names the category.

1. A model with a value head, on pairs of solutions of all categories:

    python -m experiments.train --config=configs/objectives.py:bradley_terry --workdir=runs/base \
        --config.data.train=solutions.jsonl

2. An expert for each point of a category that has pairs of its own. It begins with that model and
   its head, and only adapters and head are trained:

    python -m experiments.train --config=configs/objectives.py:bradley_terry \
        --workdir=runs/arithmetic-1 --config.data.train=arithmetic-1.jsonl \
        --config.model.name=runs/base --config.model.head.kind= --config.model.train_layers=-1 \
        --config.model.lora.rank=32 --config.model.lora.alpha=32 \
        --config.model.lora.targets="('attn/[qv]/kernel',)"

3. The router and a synthesis for each category, with all else as it is:

    python -m experiments.train_mixture --config=configs/dmoerm.py --workdir=runs/dmoerm \
        --config.data.train=solutions.jsonl

    python -m experiments.score --model=runs/base --scorer='mixture(path="runs/dmoerm")' ...

As published: the phases, adapters of q and v with rank and alpha 32, states side by side and a
PReLU between two layers, the most likely category only, and -log sigmoid(r_w - r_l). UNSURE: the
released code takes the lower rank for the better one in training and for the worse one in its
evaluation; here the larger label wins. Otherwise: a mean over pairs and not first within a problem;
one model for all categories, where the paper trains one for each; no dropout in the adapters; a
scalar a step, of which this objective trains the last one (`--config.objective=bce` takes labels of
steps). The published rates, 1e-6 and 3e-8 for the router, are for models fifty times as large. The
time is that of one pass of each expert over its category's solutions; not measured.
"""

from prm_jax.train.mixture import default_config


def get_config():
    """The configuration."""
    config = default_config()
    config.model = "runs/base"
    config.experts = (
        ("arithmetic", ("runs/arithmetic-1", "runs/arithmetic-2")),
        ("logic", ("runs/logic-1", "runs/logic-2")),
    )
    config.objective = "bradley_terry"
    config.data.train = "solutions.jsonl"
    config.data.validation_fraction = 0.1
    config.data.unlabelled = "drop"
    config.data.max_length = 1024
    config.data.row_length = 2048  # both solutions of a pair
    config.data.max_steps = 128
    config.data.rows = 8
    return config
