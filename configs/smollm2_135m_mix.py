"""A first real process reward model: SmolLM2-135M on all worlds and three sets of real text.

    python -m experiments.study --config=configs/smollm2_135m_mix.py --workdir=runs/mix

GSM8K's training file, PRMBench's files on PRM800K train problems and MR-Ben's are expected where
`files.*.line` says; docs/data_formats.md says where they come from.
"""

from ml_collections import ConfigDict

from prm_jax.train.config import default_config


def get_config():
    """The configuration."""
    config = ConfigDict()
    config.seed = 0  # of the data
    config.seeds = (0, 1, 2)  # of the training runs
    config.fractions = (0.25, 0.5)  # of the data, for the learning curve
    config.probe_fraction = 0.5  # of the data, for the linear probe; 0 leaves it out
    config.likelihood = True  # whether to score by likelihood too, which takes longest
    config.base_model = "HuggingFaceTB/SmolLM2-135M-Instruct"  # named in the model card

    config.worlds = worlds = ConfigDict()
    worlds.families = ()  # () is all
    worlds.difficulty = (1, 2, 3)
    worlds.train = 320  # trajectories of each family
    worlds.train_error_rate = 0.6  # .5 elsewhere
    worlds.validation = 40
    worlds.test = 100
    worlds.groups = 12  # test problems with candidates
    worlds.candidates = 8
    worlds.accuracy = 0.4  # mean share of right candidates
    worlds.shared_error_rate = 0.5  # share of wrong candidates with the same mistake

    config.files = files = ConfigDict()
    for name, train, line in (
        ("gsm8k_errors", 2400, "gsm8k_errors:data/gsm8k_train.jsonl?n_per_problem=1&seed=0"),
        ("prmbench", 700, "data/prmbench_train_p1/*.jsonl?process=both&after_error=mask"),
        ("mr_ben", 700, "data/mr_ben/*.json"),
    ):
        files[name] = ConfigDict(dict(line=line, train=train, validation=120, test=240))
    config.split = ConfigDict(dict(test=0.15, validation=0.08))  # shares of a file's problems
    config.near_duplicate = 0.8  # similarity to a test problem from which one is not trained on

    config.evaluation = evaluation = ConfigDict()
    evaluation.aggregation = "min"
    evaluation.n = (1, 2, 4, 8)
    evaluation.bootstrap = 2000
    evaluation.solutions = 16  # shown in the report

    config.train = train = default_config()
    with train.unlocked():
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
    with config.probe.unlocked():
        config.probe.model.train_layers = 0
        config.probe.epochs = 3
        config.probe.optimizer.learning_rate = 3e-3
    return config.lock()
