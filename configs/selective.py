"""Answers only where the judgement of a candidate can be trusted: one policy a variant.

    python -m experiments.select --config=configs/selective.py:resample --input=judged.jsonl \
        --reference=labelled.jsonl --output=result.json

best_of_n: the accepted candidate of the highest score. resample: the first accepted one of those
drawn. route: the first model's accepted one, else the second's best (--second). `accept` is
all_steps, last_step, solution (for files judged with --level=solution) or region>=x, for example
region>=0.8. Expected: seconds.
"""

from ml_collections import ConfigDict

from prm_jax.calibration.select_config import default_config
from prm_jax.config_files import one_of

OPTIONS = {
    "best_of_n": {},
    "resample": {"max_draws": 4, "otherwise": "abstain"},  # or "best" of those drawn
    "route": {},
}


def get_config(policy="best_of_n"):
    """The configuration of a policy.

    Raises:
        InputError: there is no such policy.
    """
    config = default_config()
    config.policy = one_of("policy", policy, OPTIONS)
    config.options = ConfigDict(OPTIONS[policy])
    return config.lock()
