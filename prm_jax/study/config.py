"""The configuration of a study: every key, its default and what its numbers may be."""

from ml_collections import ConfigDict

from prm_jax.config_files import flatten
from prm_jax.errors import InputError
from prm_jax.ranges import COUNT_OR_NONE, RESAMPLES, SEED, SHARE, SHARE_ABOVE_0, Range
from prm_jax.train.config import default_config as default_training
from prm_jax.train.ranges import check_values, within

SOLUTIONS = Range(0, 10**7)
RANGES = {
    "seed": SEED,
    "seeds": SEED,
    "fractions": SHARE_ABOVE_0,
    "probe_fraction": SHARE,
    "worlds.difficulty": Range(1, 4),
    "worlds.train": SOLUTIONS,
    "worlds.train_error_rate": SHARE,
    "worlds.validation": SOLUTIONS,
    "worlds.test": SOLUTIONS,
    "worlds.groups": SOLUTIONS,
    "worlds.candidates": Range(1, 10**5),
    "worlds.accuracy": SHARE,
    "worlds.shared_error_rate": SHARE,
    "*.train": SOLUTIONS,  # of files
    "*.validation": SOLUTIONS,
    "*.test": SOLUTIONS,
    "split.test": SHARE,
    "split.validation": SHARE,
    "near_duplicate": SHARE,
    "evaluation.n": Range(1, 10**5),
    "evaluation.bootstrap": RESAMPLES,
    "evaluation.solutions": COUNT_OR_NONE,
    **within("train."),
    **within("probe."),
}


def default_config() -> ConfigDict:
    """A study of all worlds and of no files.

    Returns:
        ConfigDict whose keys are fixed, but for those of `files`.
    """
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

    config.files = ConfigDict()  # by name: `line` of a source, and how many to `train` on, for
    # `validation` and to `test` on
    config.split = ConfigDict(dict(test=0.15, validation=0.08))  # shares of a file's problems
    config.near_duplicate = 0.8  # similarity to a test problem from which one is not trained on

    config.evaluation = evaluation = ConfigDict()
    evaluation.aggregation = "min"
    evaluation.n = (1, 2, 4, 8)
    evaluation.bootstrap = 2000
    evaluation.solutions = 16  # shown in the report

    config.train = default_training()
    config.probe = default_training()  # the baseline on the same states
    return config.lock()


def check(config: ConfigDict) -> None:
    """Raises `InputError` for values that no study can have."""
    check_values(flatten(config), RANGES)
    if not (config.seeds or config.fractions):
        raise InputError("nothing is trained", field="seeds", remedy="give seeds or fractions")
    for name, source in config.files.items():
        if missing := {"line", "train", "validation", "test"} - set(source):
            raise InputError(f"has no {min(missing)}", field=f"files.{name}", remedy="give it one")
