"""The configuration of the demo: every key, its default and what its numbers may be."""

from ml_collections import ConfigDict

from prm_jax.config_files import flatten
from prm_jax.ranges import COUNT_OR_NONE, RESAMPLES, SEED, SHARE, Range
from prm_jax.train.config import default_config as default_training
from prm_jax.train.ranges import check_values, within

SOLUTIONS = Range(1, 10**7)
RANGES = {
    "seed": SEED,
    "problems.difficulty": Range(1, 4),
    "problems.train": SOLUTIONS,
    "problems.train_error_rate": SHARE,
    "problems.validation": SOLUTIONS,
    "problems.test": SOLUTIONS,
    "problems.groups": SOLUTIONS,
    "problems.candidates": Range(1, 10**5),
    "problems.accuracy": SHARE,
    "problems.shared_error_rate": SHARE,
    "evaluation.n": Range(1, 10**5),
    "evaluation.bootstrap": RESAMPLES,
    "evaluation.solutions": COUNT_OR_NONE,
    **within("train."),
}
KIND = Range(0, 10**6)


def default_config() -> ConfigDict:
    """Problems of the family arithmetic, and what is measured on them.

    Returns:
        ConfigDict whose keys are fixed, but for those of `problems.kinds`.
    """
    config = ConfigDict()
    config.seed = 0

    config.problems = problems = ConfigDict()
    problems.families = ("arithmetic",)
    problems.kinds = ConfigDict()  # kinds of error by weight; none is those of the family
    problems.difficulty = 2
    problems.train = 1800  # trajectories
    problems.train_error_rate = 0.7  # share of them with an error; .5 elsewhere
    problems.validation = 160
    problems.test = 320
    problems.groups = 180  # test problems with candidates for best-of-N
    problems.candidates = 8
    problems.accuracy = 0.35  # mean share of right candidates
    problems.shared_error_rate = 0.6  # share of wrong candidates with the same mistake

    config.evaluation = evaluation = ConfigDict()
    evaluation.aggregation = "min"
    evaluation.n = (1, 2, 4, 8)
    evaluation.bootstrap = 2000
    evaluation.solutions = 12  # shown in the report

    config.train = default_training()
    return config.lock()


def check(config: ConfigDict) -> None:
    """Raises `InputError` for values that no demo can have."""
    kinds = {f"problems.kinds.{name}": KIND for name in config.problems.kinds}
    check_values(flatten(config), {**RANGES, **kinds})
