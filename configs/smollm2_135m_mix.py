"""A first real process reward model: SmolLM2-135M on all worlds and three sets of real text.

    python -m experiments.study --config=configs/smollm2_135m_mix.py --workdir=runs/mix

GSM8K's training file, PRMBench's files on PRM800K train problems and MR-Ben's are expected where
`files.*.line` says; docs/data_formats.md says where they come from.
"""

from ml_collections import ConfigDict

from prm_jax.study.config import default_config


def get_config():
    """The configuration."""
    config = default_config()
    for name, train, line in (
        ("gsm8k_errors", 2400, "gsm8k_errors:data/gsm8k_train.jsonl?n_per_problem=1&seed=0"),
        ("prmbench", 700, "data/prmbench_train_p1/*.jsonl?process=both&after_error=mask"),
        ("mr_ben", 700, "data/mr_ben/*.json"),
    ):
        with config.files.unlocked():
            config.files[name] = ConfigDict(dict(line=line, train=train, validation=120, test=240))

    train = config.train
    train.epochs = 1
    train.model.keep_layers = 16
    train.model.train_layers = 10
    train.data.rows = 8
    train.data.row_length = train.data.max_length = 512
    train.data.max_steps = 64
    train.data.unlabelled = "drop"
    train.optimizer.learning_rate = 4e-4
    train.optimizer.decay = "linear"
    train.eval_every = 100
    train.checkpoint_every = 50
    train.checkpoints_to_keep = 1

    # The baseline on the same states: no layer is trained, only the final norm and the head.
    config.probe = train.copy_and_resolve_references()
    config.probe.model.train_layers = 0
    config.probe.epochs = 3
    config.probe.optimizer.learning_rate = 3e-3
    return config.lock()
