"""Rotary position embeddings with the scaling variants of the supported families."""

import math

import jax.numpy as jnp
import numpy as np

from prm_jax.models.config import Rope


def inverse_frequencies(rope: Rope, head_dim: int) -> tuple[np.ndarray, float]:
    """Angular frequencies of a rotary embedding and the factor on its cos and sin.

    Args:
        rope: which variant.
        head_dim: H, even.

    Returns:
        `(frequencies f32[H/2] in radians a token, factor on cos and sin)`.
    """
    exponents = np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim)
    frequencies = 1.0 / (np.float32(rope.theta) ** exponents)
    if rope.kind == "linear":
        return (frequencies / rope.factor).astype(np.float32), 1.0
    if rope.kind == "llama3":
        return _llama3(rope, frequencies).astype(np.float32), 1.0
    if rope.kind == "yarn":
        return _yarn(rope, frequencies, head_dim).astype(np.float32), _yarn_attention_factor(rope)
    return frequencies.astype(np.float32), 1.0


def rotations(rope: Rope, head_dim: int, positions_BT):
    """`(cos, sin)`, each f32[B,T,1,H/2], for integer positions i32[B,T]."""
    frequencies, factor = inverse_frequencies(rope, head_dim)
    angles = positions_BT[:, :, None, None].astype(jnp.float32) * frequencies
    return jnp.cos(angles) * factor, jnp.sin(angles) * factor


def rotate(x_BTNH, cos, sin):
    """Rotates the pairs (i, i + H/2) of each head; keeps the dtype of `x_BTNH`."""
    first, second = jnp.split(x_BTNH, 2, axis=-1)
    cos, sin = cos.astype(x_BTNH.dtype), sin.astype(x_BTNH.dtype)
    return jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def _llama3(rope, frequencies):
    wavelengths = 2 * math.pi / frequencies
    ramp = (rope.original_max_position / wavelengths - rope.low_freq_factor) / (
        rope.high_freq_factor - rope.low_freq_factor
    )
    keep = np.clip(ramp, 0.0, 1.0)
    return keep * frequencies + (1 - keep) * frequencies / rope.factor


def _yarn(rope, frequencies, head_dim):
    def dimension(turns):
        # The dimension whose wave makes `turns` rotations over the original context.
        return (
            head_dim
            * math.log(rope.original_max_position / (turns * 2 * math.pi))
            / (2 * math.log(rope.theta))
        )

    low, high = dimension(rope.beta_fast), dimension(rope.beta_slow)
    if rope.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, head_dim - 1)
    if low == high:
        high += 0.001
    stretch = np.clip((np.arange(head_dim // 2, dtype=np.float32) - low) / (high - low), 0.0, 1.0)
    return stretch * frequencies / rope.factor + (1 - stretch) * frequencies


def _yarn_attention_factor(rope):
    if rope.attention_factor is not None:
        return rope.attention_factor

    def temperature(weight):
        return 1.0 if rope.factor <= 1 else 0.1 * weight * math.log(rope.factor) + 1.0

    if rope.mscale and rope.mscale_all_dim:
        return temperature(rope.mscale) / temperature(rope.mscale_all_dim)
    return temperature(1.0)
