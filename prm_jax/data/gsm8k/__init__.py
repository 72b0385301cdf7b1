"""Wrong solutions made from right ones of GSM8K, with the first wrong step known.

right = formats.read("gsm8k_train.jsonl", format="gsm8k")
rows = corrupt_gsm8k(right, n_per_problem=2, seed=0)
check_against(right[0].steps, rows[0].steps)  # [1.0, 0.0, ...], worked out from the texts
"""

from prm_jax.data.gsm8k.check import check_against, check_arithmetic
from prm_jax.data.gsm8k.corrupt import KINDS, corrupt_gsm8k

__all__ = ["KINDS", "check_against", "check_arithmetic", "corrupt_gsm8k"]
