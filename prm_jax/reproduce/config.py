"""Configurations of studies: their two sizes, and what their numbers may be."""

from ml_collections import ConfigDict

from prm_jax.config_files import flatten, one_of
from prm_jax.ranges import COUNT, DEPTH, ROWS, SHARE, SHARE_ABOVE_0, TOKENS, WIDTH, Range
from prm_jax.train.ranges import RANGES as TRAINING
from prm_jax.train.ranges import RATE, RATE_ABOVE_0, check_values

SIZES = ("full", "smoke")
SOLUTIONS = Range(1, 10**7)
UPDATES = Range(1, 10**7)
STEPS = Range(1, 1000)
CANDIDATES = Range(1, 10**5)
ANY = Range(-100, 100)

RANGES = {
    **{key: allowed for key, allowed in TRAINING.items() if key.startswith(("optim", "bilevel"))},
    "*.min_steps": STEPS,
    "*.max_steps": STEPS,
    "*.modulus": Range(2, 10**4),
    "*.error_rate": SHARE,
    "*.copied": SHARE,
    "*.repair_rate": SHARE,
    "*.accuracy": SHARE,
    "*.repair": SHARE,
    "*.updates": UPDATES,
    "*.rows": ROWS,
    "*.row_length": TOKENS,
    "*.learning_rate": RATE_ABOVE_0,
    "*.d_model": WIDTH,
    "*.n_layers": DEPTH,
    "*.n_heads": WIDTH,
    "*.d_ff": WIDTH,
    "*.window": TOKENS,
    "*.width": WIDTH,
    "*.epochs": COUNT,
    "*.min_rows": COUNT,
    "*.dropout": Range(0, 1, below=True),
    "*.beta": Range(0, 10**6, above=True),
    "*.wrong_weight": RATE,
    "*.rank": WIDTH,
    "*.layers": DEPTH,
    "*.max_length": TOKENS,
    "*.solutions": SOLUTIONS,
    "*.completions": CANDIDATES,
    "*.problems": SOLUTIONS,
    "*.candidates": CANDIDATES,
    "*.chosen_of": CANDIDATES,
    "*.flipped": SHARE,
    "*.trusted": SOLUTIONS,
    "*.easy": STEPS,
    "*.hard": STEPS,
    "*.short": STEPS,
    "*.long": STEPS,
    "*.noise": SHARE,
    "*.trees": SOLUTIONS,
    "*.solutions_of_problem": CANDIDATES,
    "*.min_children": CANDIDATES,
    "*.attempts": CANDIDATES,
    "*.text_updates": UPDATES,
    "*.texts": SOLUTIONS,
    "*.held_out": SHARE,
    "*.depth": STEPS,
    "*.branches": CANDIDATES,
    "*.ease": ANY,
    "*.spread": ANY,
    "*.step_effect": ANY,
    "*.temperature": Range(0, 100, above=True),
    "*.beam": CANDIDATES,
    "*.sampled": CANDIDATES,
    "*.rollouts": CANDIDATES,
    "*.alpha": SHARE,
    "*.alphas": SHARE_ABOVE_0,
    "*.new_problems": SHARE,
    "*.shifted": SOLUTIONS,
    "*.difficulty": Range(1, 4),
    "*.harder": Range(1, 4),
    "*.sure": SHARE,
    "data.rows": SOLUTIONS,
    "*.tuning": SOLUTIONS,
}
"""By the last part of a key, whose meaning is the same in all studies; `data.tested` is a share in
two of them and a number in the others."""
TESTED = Range(0, 10**7, above=True)


def is_smoke(size: str) -> bool:
    """Whether the size that follows the colon is the one that only shows that everything runs.

    Raises:
        InputError: it is none of SIZES.
    """
    return one_of("size", size, SIZES) == "smoke"


def check(config: ConfigDict) -> None:
    """Raises `InputError` for a number that no study can have."""
    check_values(flatten(config), {**RANGES, "data.tested": TESTED})
