"""How many operations and bytes the parts of a forward pass take, and what accelerators can do.

A multiplication and an addition count as two operations. Only what a result needs is counted:

    projections   2 * inputs * outputs of each matrix, for every token that is not padding; of
                  experts those that a token goes to
    attention     4 * N * H of a layer for every pair of a query and a key that it sees: 2 for the
                  score and 2 for the weighted sum
    head          2 * D * C for every step
    training      3 times a forward pass: the backward pass has two matmuls for each one. What it
                  computes again is not counted.

Norms, activations, rotations and the softmax are left out. Bytes are those that must move if an
operation reads its operands and writes its result once: an intensity over them is an upper bound.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from prm_jax.errors import InputError
from prm_jax.models.config import DecoderConfig

TRAINING = 3
"""Forward passes that an update costs."""

OPTIMIZER_NUMBERS = 7
"""Numbers of float32 that AdamW moves for a parameter: it reads the parameter, its gradient and two
moments, and writes three of them."""

PEAK_FLOPS = (
    ("H100 PCIe", 756e12),
    ("H100 NVL", 835e12),
    ("H100", 989e12),
    ("H200", 989e12),
    ("A100", 312e12),
    ("TPU v4", 275e12),
    ("TPU v5 lite", 197e12),
    ("TPU v5e", 197e12),
    ("TPU v5", 459e12),
    ("TPU v6", 918e12),
)
"""Dense bfloat16 operations a second of one chip, by a part of jax's `device_kind`; the first match
counts ("TPU v5" alone is v5p). Sources: NVIDIA's data sheets of A100, H100 and H200 without
sparsity; Google Cloud's pages on TPU v4, v5e, v5p and v6e."""


@dataclasses.dataclass(frozen=True)
class Work:
    """Operations, and the bytes that must move for them."""

    flops: float
    bytes: float

    def __add__(self, other: "Work") -> "Work":
        return Work(self.flops + other.flops, self.bytes + other.bytes)

    def __mul__(self, times: float) -> "Work":
        return Work(times * self.flops, times * self.bytes)


class Matrix(NamedTuple):
    """A projection of a layer.

    Fields:
        inputs, outputs: its sizes.
        used: how many like it a token goes through.
        stored: how many like it the layer has.
    """

    inputs: int
    outputs: int
    used: int = 1
    stored: int = 1


def matrices(config: DecoderConfig) -> list[Matrix]:
    """The projections of a layer: q, k, v, o, gate, up and down; a router where it has experts.

    Raises:
        InputError: layers differ in their projections.
    """
    if config.has_linear:
        raise InputError(
            "the operations of linear attention layers are not counted",
            field="model",
            remedy="measure a model whose layers all have attention",
        )
    D, F = config.d_model, config.d_ff
    queries, keys = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    attention = [Matrix(D, queries), Matrix(D, keys), Matrix(D, keys), Matrix(queries, D)]
    if not config.n_experts:
        return [*attention, Matrix(D, F), Matrix(D, F), Matrix(F, D)]
    F, counts = config.d_expert, (config.experts_per_token, config.n_experts)
    experts = [Matrix(D, F, *counts), Matrix(D, F, *counts), Matrix(F, D, *counts)]
    return [*attention, Matrix(D, config.n_experts), *experts]


def projections(config: DecoderConfig, n_tokens: int, itemsize: int = 4) -> Work:
    """The projections of all layers.

    Args:
        config: the architecture.
        n_tokens: tokens, without padding.
        itemsize: bytes of a number.
    """
    of_layer = [
        Work(
            2 * n_tokens * used * i * o,
            itemsize * (n_tokens * used * (i + o) + min(stored, n_tokens * used) * i * o),
        )
        for i, o, used, stored in matrices(config)
    ]
    return sum(of_layer, Work(0, 0)) * config.n_layers


def visible_pairs(length: int, window: int | None = None) -> int:
    """Pairs of a query and a key that it sees, in a segment of `length` tokens."""
    seen = length if window is None else min(length, window)
    return seen * (seen + 1) // 2 + (length - seen) * seen


def attention(config: DecoderConfig, lengths: Sequence[int], itemsize: int = 4) -> Work:
    """Scores and weighted sums of all layers.

    Args:
        config: the architecture.
        lengths: tokens of each segment.
        itemsize: bytes of a number.
    """
    windows = [config.sliding_window if sliding else None for sliding in config.sliding_layers]
    of_pair = 4 * config.n_heads * config.head_dim
    n_tokens = sum(lengths)
    moved = 2 * (config.n_heads + config.n_kv_heads) * config.head_dim * itemsize * n_tokens
    return sum(
        (
            Work(of_pair * sum(visible_pairs(n, window) for n in lengths), moved)
            for window in windows
        ),
        Work(0, 0),
    )


def forward(
    config: DecoderConfig,
    lengths: Sequence[int],
    *,
    n_steps: int = 0,
    n_outputs: int = 1,
    itemsize: int = 4,
) -> Work:
    """A forward pass over segments of these lengths, with a head of `n_outputs` at `n_steps`."""
    D = config.d_model
    head = Work(2 * D * n_outputs * n_steps, itemsize * (n_steps * (D + n_outputs) + D * n_outputs))
    body = projections(config, sum(lengths), itemsize) + attention(config, lengths, itemsize)
    return body + head if n_steps else body


def update(work: Work, n_params: int) -> Work:
    """A training step: its forward pass is `work`, and AdamW moves `n_params` parameters."""
    return work * TRAINING + Work(0, 4 * OPTIMIZER_NUMBERS * n_params)


def peak_flops(device_kind: str) -> float | None:
    """Dense bfloat16 operations a second of one device; None if it is not known."""
    for part, peak in PEAK_FLOPS:
        if part.lower() in device_kind.lower():
            return peak
    return None
