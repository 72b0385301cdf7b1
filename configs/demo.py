"""The demo: SmolLM2-135M becomes a process reward model on two CPU cores, and is measured.

python -m experiments.demo --config=configs/demo.py --workdir=runs/demo
"""

from ml_collections import ConfigDict

from prm_jax.demo_config import default_config


def get_config():
    """The configuration."""
    config = default_config()
    # Kinds of error by weight. Most are kinds that a model of this size learns to see in minutes;
    # wrong sums are rarer than by default: it hardly learns them (see the report, by kind).
    config.problems.kinds = ConfigDict(
        dict(
            copied_wrong_value=4.0,
            wrong_operand=4.0,
            wrong_operation=2.0,
            slip=1.0,
            dropped_carry=0.5,
            self_corrected=12.0,
            false_repair=0.6,
            lucky_cancellation=0.5,
        )
    )

    train = config.train
    train.objective = "bce"
    train.epochs = 1
    train.model.name = "smollm2-135m"
    train.model.keep_layers = 16
    train.model.train_layers = 10
    train.data.rows = 16
    train.data.row_length = 256
    train.data.max_length = 256
    train.data.max_steps = 32
    train.optimizer.learning_rate = 5e-4
    train.optimizer.decay = "linear"
    train.eval_every = 20
    train.checkpoint_every = 25
    train.checkpoints_to_keep = 1
    return config.lock()
