"""What the numbers of a training configuration may be."""

from collections.abc import Mapping
from typing import Any

from prm_jax.errors import InputError
from prm_jax.ranges import (
    COUNT,
    COUNT_OR_NONE,
    ROWS,
    SEED,
    TOKENS,
    Range,
    check_numbers,
    check_pattern,
    check_patterns,
)

RATE = Range(0, 1000)
RATE_ABOVE_0 = Range(0, 1000, above=True)
DEVICES = Range(-1, 10**6)  # -1 takes those that are left
LAYERS = Range(-1, 10**4)  # -1 is all

RANGES: Mapping[str, Range] = {
    "seed": SEED,
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
    "data.rows": ROWS,
    "data.readers": ROWS,
    "data.row_length": TOKENS,
    "data.max_steps": ROWS,
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


def within(prefix: str, ranges: Mapping[str, Range] = RANGES) -> dict[str, Range]:
    """The table of a configuration that lies under a key of another one, such as 'train.'."""
    return {prefix + key: allowed for key, allowed in ranges.items()}


def check_values(values: Mapping[str, Any], ranges: Mapping[str, Range] = RANGES) -> None:
    """Checks every number and every regular expression of a configuration.

    Args:
        values: by flattened key.
        ranges: of its numbers; what ends in `optimizer.groups`, `model.freeze` or
            `model.lora.targets` is known.

    Raises:
        InputError: names the key, the value and what it may be.
    """
    groups = [key for key in values if key.endswith(GROUPS)]
    check_numbers({key: values[key] for key in values if key not in groups}, ranges)
    check_patterns(values, [key for key in values if key.endswith(PATTERNS)])
    for key in groups:
        for group in values[key] or ():
            _check_group(group, key)


def _check_group(group, key):
    if not isinstance(group, list | tuple) or len(group) != 2:
        raise InputError(f"{group!r} is no pair", field=key, remedy="give (path regex, factor)")
    pattern, factor = group
    check_pattern(pattern, key)
    if isinstance(factor, bool) or not isinstance(factor, int | float):
        raise InputError(f"{factor!r} is no number", field=key)
    RATE.check(factor, key)
