"""The range of every number of a training configuration, checked before any work."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prm_jax.errors import InputError


@dataclass(frozen=True)
class Range:
    """What a number may be.

    Fields:
        low, high: least and greatest value.
        above: whether `low` itself is left out. below: whether `high` is.
    """

    low: float
    high: float
    above: bool = False
    below: bool = False

    def problem(self, value) -> str | None:
        """What is wrong with a value, None if nothing is."""
        if not math.isfinite(value):
            return f"{value} is no finite number"
        if value < self.low or self.above and value == self.low:
            return f"{value} is {'not above' if self.above else 'below'} {self.low:g}"
        if value > self.high or self.below and value == self.high:
            return f"{value} is {'not below' if self.below else 'above'} {self.high:g}"
        return None


COUNT = Range(1, 10**9)
COUNT_OR_NONE = Range(0, 10**9)
RATE = Range(0, 1000)
RATE_ABOVE_0 = Range(0, 1000, above=True)
DEVICES = Range(-1, 10**6)  # -1 takes those that are left
LAYERS = Range(-1, 10**4)  # -1 is all
TOKENS = Range(1, 2**24)

RANGES: Mapping[str, Range] = {
    "seed": Range(0, 2**32 - 1),
    "steps": COUNT_OR_NONE,
    "epochs": COUNT_OR_NONE,
    "microbatches": COUNT,
    "log_every": COUNT,
    "eval_every": COUNT_OR_NONE,
    "checkpoint_every": COUNT,
    "checkpoints_to_keep": COUNT,
    "model.keep_layers": LAYERS,
    "model.train_layers": LAYERS,
    "model.head.n_classes": Range(1, 10**6),
    "model.lora.rank": Range(0, 2**16),
    "model.lora.alpha": Range(0, 10**6, above=True),
    "data.validation_fraction": Range(0, 1, below=True),
    "data.validation_limit": COUNT,
    "data.max_length": TOKENS,
    "data.rows": Range(1, 2**20),
    "data.readers": Range(1, 2**20),
    "data.row_length": TOKENS,
    "data.max_steps": Range(1, 2**20),
    "optimizer.learning_rate": RATE,
    "optimizer.warmup_steps": COUNT_OR_NONE,
    "optimizer.final_fraction": Range(0, 1),
    "optimizer.b1": Range(0, 1, below=True),
    "optimizer.b2": Range(0, 1, below=True),
    "optimizer.eps": Range(0, 1, above=True),
    "optimizer.weight_decay": RATE,
    "optimizer.clip_norm": COUNT_OR_NONE,
    "bilevel.unroll": Range(1, 10**4),
    "bilevel.inner_learning_rate": RATE_ABOVE_0,
    "bilevel.learning_rate": RATE_ABOVE_0,
    "bilevel.weight_decay": RATE,
    "mesh.data": DEVICES,
    "mesh.expert": DEVICES,
    "mesh.fsdp": DEVICES,
    "mesh.sequence": DEVICES,
    "mesh.tensor": DEVICES,
}
PATTERNS = ("model.freeze", "model.lora.targets")
"""Keys with regular expressions."""
GROUPS = "optimizer.groups"
"""The key with pairs of a regular expression and a factor."""


def check_numbers(values: Mapping[str, Any]) -> None:
    """Checks every number and every regular expression of a configuration.

    Args:
        values: by flattened key; keys without a range must be no numbers.

    Raises:
        InputError: names the key, the value and what it may be.
    """
    for key, value in values.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            allowed = RANGES[key]
            if problem := allowed.problem(value):
                raise InputError(
                    problem,
                    field=key,
                    remedy=f"give a number from {allowed.low:g} to {allowed.high:g}",
                )
    for key in PATTERNS:
        for pattern in values.get(key) or ():
            check_pattern(pattern, key)
    for group in values.get(GROUPS) or ():
        if not isinstance(group, list | tuple) or len(group) != 2:
            raise InputError(
                f"{group!r} is no pair", field=GROUPS, remedy="give (path regex, factor) pairs"
            )
        pattern, factor = group
        check_pattern(pattern, GROUPS)
        if isinstance(factor, bool) or not isinstance(factor, int | float):
            raise InputError(f"{factor!r} is no number", field=GROUPS)
        if problem := RATE.problem(factor):
            raise InputError(problem, field=GROUPS, remedy="give a factor from 0 to 1000")


def check_pattern(pattern, key: str) -> None:
    """Raises `InputError` for what is no regular expression."""
    try:
        re.compile(pattern)
    except (re.error, TypeError) as error:
        raise InputError(
            f"{pattern!r} is no regular expression: {error}",
            field=key,
            remedy="dots, brackets and the like are written with a backslash before them",
        ) from error
