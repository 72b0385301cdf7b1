"""Rotary position embeddings with the scaling variants of the supported families."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.models.config import Rope


def inverse_frequencies(rope: Rope, head_dim: int, length: int = 0) -> tuple[np.ndarray, float]:
    """Angular frequencies of a rotary embedding and the factor on its cos and sin.

    Args:
        rope: which variant.
        head_dim: H.
        length: of the sequence, in tokens; matters to longrope only, where it is beyond the
            original context. (Dynamic frequencies of long sequences are those of `rotations`.)

    Returns:
        `(frequencies f32[R/2] in radians a token, factor on cos and sin)`; R is the number of
        rotated dimensions, H unless the embedding is partial.
    """
    rotated = rope.rotary_dim(head_dim)
    frequencies = 1.0 / (np.float32(rope.theta) ** _exponents(rotated))
    if rope.kind == "linear":
        return (frequencies / rope.factor).astype(np.float32), 1.0
    if rope.kind == "llama3":
        return _llama3(rope, frequencies).astype(np.float32), 1.0
    if rope.kind == "yarn":
        return _yarn(rope, frequencies, rotated).astype(np.float32), _yarn_attention_factor(rope)
    if rope.kind == "longrope":
        long = length > _original(rope)
        divisors = np.asarray(rope.long_factor if long else rope.short_factor, np.float32)
        return (frequencies / divisors).astype(np.float32), _longrope_attention_factor(rope)
    return frequencies.astype(np.float32), 1.0


def rotations(rope: Rope, head_dim: int, positions_BT, lengths_BT=None):
    """`(cos, sin)` of integer positions.

    Args:
        rope: which variant.
        head_dim: H.
        positions_BT: i32[B,T].
        lengths_BT: i32[B,T] length of the sequence that each token belongs to, as
            `sequence_lengths` gives it; None is none beyond the original context.

    Returns:
        Two arrays f32[B,T,1,R/2].
    """
    plain, factor = inverse_frequencies(rope, head_dim)
    frequencies = jnp.asarray(plain)
    if rope.by_length and lengths_BT is not None:
        lengths = lengths_BT[:, :, None, None]
        long = lengths > _original(rope)
        if rope.kind == "longrope":
            others, _ = inverse_frequencies(rope, head_dim, _original(rope) + 1)
        else:
            others = _dynamic(rope, rope.rotary_dim(head_dim), lengths)
        frequencies = jnp.where(long, others, frequencies)
    angles = positions_BT[:, :, None, None].astype(jnp.float32) * frequencies
    return jnp.cos(angles) * factor, jnp.sin(angles) * factor


def sequence_lengths(positions_BT, segment_ids_BT=None):
    """Length i32[B,T] of the sequence of each token: one more than the last position in it.

    Args:
        positions_BT: i32[B,T].
        segment_ids_BT: i32[B,T]; the runs of equal ids are the sequences. None is one a row.
    """
    if segment_ids_BT is None:
        longest = jnp.max(positions_BT, axis=1, keepdims=True) + 1
        return jnp.broadcast_to(longest, positions_BT.shape)
    starts = jnp.pad(segment_ids_BT[:, 1:] != segment_ids_BT[:, :-1], ((0, 0), (1, 0)))
    runs_BT = jnp.cumsum(starts, axis=1)

    def of_row(positions_T, runs_T):
        return jax.ops.segment_max(positions_T, runs_T, len(runs_T))[runs_T] + 1

    return jax.vmap(of_row)(positions_BT, runs_BT)


def rotate(x_BTNH, cos, sin, late_rounding=False):
    """Rotates pairs of the first R dimensions of each head, (i, i + R/2); keeps the dtype.

    Args:
        x_BTNH: queries or keys.
        cos, sin: f32[B,T,1,R/2].
        late_rounding: multiply in float32 and round the result; otherwise round `cos` and `sin`.
    """
    half = cos.shape[-1]
    first, second, rest = x_BTNH[..., :half], x_BTNH[..., half : 2 * half], x_BTNH[..., 2 * half :]
    if not late_rounding:
        cos, sin = cos.astype(x_BTNH.dtype), sin.astype(x_BTNH.dtype)
    turned = first * cos - second * sin, second * cos + first * sin
    return jnp.concatenate([*(part.astype(x_BTNH.dtype) for part in turned), rest], axis=-1)


def _original(rope):
    """The original context length; the record's checks have made sure that there is one."""
    assert rope.original_max_position is not None
    return rope.original_max_position


def _exponents(rotated):
    return np.arange(0, rotated, 2, dtype=np.float32) / np.float32(rotated)


def _dynamic(rope, rotated, lengths):
    """Frequencies of sequences beyond the original context: theta grows with their length so that
    the slowest wave is stretched by `factor` at twice the context."""
    growth = rope.factor * lengths / _original(rope) - (rope.factor - 1)
    # Sequences that are not long have no use for this; keep their power finite.
    theta = rope.theta * jnp.maximum(growth, 1.0) ** (rotated / (rotated - 2))
    return 1.0 / theta ** _exponents(rotated)


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


def _longrope_attention_factor(rope):
    """Equation of LongRoPE: entropy of attention over a longer context is brought back."""
    if rope.attention_factor is not None:
        return rope.attention_factor
    if rope.factor <= 1:
        return 1.0
    return math.sqrt(1 + math.log(rope.factor) / math.log(_original(rope)))
