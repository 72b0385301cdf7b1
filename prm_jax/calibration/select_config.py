"""The configuration of a selective policy."""

from ml_collections import ConfigDict


def default_config() -> ConfigDict:
    """Best-of-N among accepted candidates.

    Returns:
        ConfigDict whose keys are fixed, but for the `options`, which are the policy's.
    """
    config = ConfigDict()
    config.policy = "best_of_n"  # a name in select_file.POLICIES
    config.accept = "all_steps"  # a rule, see selective.accept_rule
    config.options = ConfigDict()
    return config.lock()
