"""Progress or value in beam search ("Rewarding Progress", arXiv:2410.08146).

    python -m experiments.reproduce pav

Expected: some seconds of CPU time; nothing is trained.
"""

from ml_collections import ConfigDict

from prm_jax.reproduce.config import is_smoke


def get_config(size="full"):
    """The configuration; size 'smoke' only shows that everything runs."""
    config = ConfigDict()
    config.trees = dict(
        depth=5, branches=6, ease=-3.0, spread=1.0, step_effect=1.0, temperature=1.0
    )
    config.data = data = ConfigDict()
    data.problems = 400
    data.beam = 4  # prefixes kept at each step
    data.sampled = 4  # next steps of each
    data.rollouts = 16  # from each prefix
    data.alpha = 0.5  # weight of the advantage
    if is_smoke(size):
        config.trees.depth = 3
        data.problems = 10
    return config.lock()
