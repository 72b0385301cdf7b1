"""UHead (arXiv:2511.06209): an uncertainty head judges the steps of a model that stays as it is.

    python -m experiments.train_uncertainty_head --config=configs/uncertainty_head.py \
        --workdir=runs/uhead --config.data.train=solutions.jsonl
    python -m experiments.score --model=smollm2-135m --convention=trl \
        --scorer='uncertainty(head=runs/uhead)' ...

The values are those of the released code, which follows the paper on claims; those of the paper on
steps may differ. Expected on two CPU cores, by the number of operations and not measured: an hour,
ten minutes of it for the features of the frozen model.
"""

from prm_jax.train.uncertainty import default_config


def get_config():
    """The configuration."""
    config = default_config()
    config.model = "smollm2-135m"
    config.data.train = "synthetic:arithmetic?n=600&seed=0&split=train"
    config.data.validation = "synthetic:arithmetic?n=100&seed=0&split=validation"
    config.data.max_length = 256
    config.data.row_length = 256
    return config
