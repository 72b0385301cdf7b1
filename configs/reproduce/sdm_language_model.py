"""SDM estimators on the states of SmolLM2-135M (arXiv:2509.12760).

    python -m experiments.reproduce sdm_language_model

GSM8K's training file is expected where `data.gsm8k` says; docs/data_formats.md says where it comes
from.

Expected: 14 minutes on one core.
"""

from ml_collections import ConfigDict

from prm_jax.reproduce.config import is_smoke


def get_config(size="full"):
    """The configuration; size 'smoke' only shows that everything runs."""
    config = ConfigDict()
    config.model = "smollm2-135m"  # as `load_model` takes it, or random:PRESET
    config.layers = 16  # whose states are taken
    config.convention = "trl"  # how steps are marked
    config.max_length = 1024
    config.cache = ""  # directory that keeps the states for other runs
    config.sdm = dict(width=200, learning_rate=1e-4, epochs=20)
    config.data = data = ConfigDict()
    data.families = (
        "arithmetic",
        "base_conversion",
        "calendar",
        "fractions",
        "gcd",
        "linear_equations",
        "linear_systems",
        "long_multiplication",
        "shortest_path",
        "word_problems",
    )
    data.difficulty = (1, 2)
    data.harder = 4
    data.solutions = 3500
    data.held_out = 0.2  # share of their problems that is judged, and not fitted on
    data.tested = 200  # solutions of each other set
    data.gsm8k = "gsm8k_errors:data/gsm8k_train.jsonl?n_per_problem=1&seed=0"
    data.alphas = (0.95, 0.9, 0.75)  # accuracies that are asked for
    if is_smoke(size):
        config.model, config.layers, config.max_length = "random:tiny-llama", 1, 2048
        config.sdm = dict(width=8, learning_rate=1e-3, epochs=2, min_rows=1)
        data.families = ("arithmetic", "gcd")
        data.solutions, data.tested, data.gsm8k = 100, 10, "synthetic:calendar?n=10&seed=0"
    return config.lock()
