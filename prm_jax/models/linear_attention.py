"""Linear attention by the gated delta rule (Yang et al., arXiv:2412.06464), as in Qwen 3.5.

A value head keeps a matrix S [A,V]: each token lets it decay, replaces what S answers to the
token's key by a part of the token's value, and reads it with its query:

    S_t = a_t S_(t-1) + k_t (b_t (v_t - k_t' a_t S_(t-1)))'        o_t = S_t' q_t

Tokens are taken in chunks: within one, what the tokens write is a triangular system of equations,
and only S goes from chunk to chunk. S begins at zero in every segment, and the convolution before
it sees only its own segment, so that a packed segment has the numbers it has alone.

Axes: J value heads, A width of a key head, V width of a value head, C tokens of a chunk.
"""

import functools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from prm_jax.models.config import DecoderConfig
from prm_jax.models.layers import Projection
from prm_jax.models.sparse_mlp import ACTIVATIONS

CHUNK = 64
NORM_EPS = 1e-6
"""Added to the squared lengths of queries and keys."""


class CausalConvolution(nn.Module):
    """A convolution of each channel over a token and those before it in its segment."""

    width: int
    dtype: str

    @nn.compact
    def __call__(self, x_BTNH, runs_BT):
        shape = (self.width, 1, *x_BTNH.shape[2:])
        scale = 1 / math.sqrt(self.width)
        taps = self.param("taps", nn.initializers.normal(scale), shape, jnp.float32)
        taps = taps.astype(self.dtype).astype(jnp.float32)
        wide = x_BTNH.astype(jnp.float32)
        out = wide * taps[-1, 0]
        for back in range(1, min(self.width, x_BTNH.shape[1])):
            earlier = jnp.pad(wide[:, :-back], ((0, 0), (back, 0), (0, 0), (0, 0)))
            same = jnp.pad(runs_BT[:, back:] == runs_BT[:, :-back], ((0, 0), (back, 0)))
            out = out + jnp.where(same[..., None, None], earlier, 0) * taps[-1 - back, 0]
        return out.astype(self.dtype)


class GatedNorm(nn.Module):
    """RMSNorm of each head, multiplied by the activated gate."""

    config: DecoderConfig
    dtype: str

    @nn.compact
    def __call__(self, x_BTJV, gate_BTJV):
        scale = self.param("scale", nn.initializers.ones, x_BTJV.shape[-1:], jnp.float32)
        wide = x_BTJV.astype(jnp.float32)
        mean_square = jnp.mean(wide * wide, axis=-1, keepdims=True)
        normed = wide * jax.lax.rsqrt(mean_square + self.config.norm_eps)
        normed = scale.astype(self.dtype) * normed.astype(self.dtype)
        return (normed * nn.silu(gate_BTJV.astype(jnp.float32))).astype(self.dtype)


class LinearAttention(nn.Module):
    """A layer's linear attention: projections, convolution, gated delta rule, gated norm."""

    config: DecoderConfig
    dtype: str

    @nn.compact
    def __call__(self, x_BTD, segment_ids_BT):
        config, D, J = self.config, self.config.d_model, self.config.linear_value_heads
        widths = (config.linear_key_dim, config.linear_key_dim, config.linear_value_dim)
        counts = (config.linear_key_heads, config.linear_key_heads, J)
        runs_BT = runs(x_BTD.shape[:2], segment_ids_BT)

        def heads(name, count, width):
            shape = (D, count, width)
            return Projection("BTD,DNH->BTNH", shape, D, None, self.dtype, name=name)(x_BTD)

        def of_head(name):
            return Projection("BTD,DN->BTN", (D, J), D, None, self.dtype, name=name)(x_BTD)

        def mixed(name, count, width):
            convolve = CausalConvolution(config.linear_conv_width, self.dtype, name=f"{name}_conv")
            return ACTIVATIONS[config.activation](convolve(heads(name, count, width), runs_BT))

        query, key, value_BTJV = (mixed(*each) for each in zip("qkv", counts, widths))
        dt_bias = self.param("dt_bias", nn.initializers.ones, (J,), jnp.float32)
        a_log = self.param("a_log", _log_uniform, (J,), jnp.float32)
        step_BTJ = nn.softplus(of_head("decay").astype(jnp.float32) + dt_bias)
        log_decay_BTJ = -jnp.exp(a_log.astype(jnp.float32)) * step_BTJ
        rate_BTJ = nn.sigmoid(of_head("rate"))
        query_BTJA, key_BTJA = (
            jnp.repeat(_normed(x), J // config.linear_key_heads, axis=2) for x in (query, key)
        )
        query_BTJA = query_BTJA / math.sqrt(config.linear_key_dim)
        read_BTJV = gated_delta_rule(
            query_BTJA, key_BTJA, value_BTJV, log_decay_BTJ, rate_BTJ, runs_BT
        )
        gate_BTJV = heads("z", J, config.linear_value_dim)
        normed = GatedNorm(config, self.dtype, name="norm")(read_BTJV.astype(self.dtype), gate_BTJV)
        V = config.linear_value_dim
        return Projection("BTNH,NHD->BTD", (J, V, D), J * V, None, self.dtype, name="o")(normed)


def runs(shape, segment_ids_BT):
    """Which run of equal segment ids each token belongs to, counted from 0: i32[B,T]."""
    if segment_ids_BT is None:
        return jnp.zeros(shape, jnp.int32)
    starts = jnp.pad(segment_ids_BT[:, 1:] != segment_ids_BT[:, :-1], ((0, 0), (1, 0)))
    return jnp.cumsum(starts, axis=1, dtype=jnp.int32)


def gated_delta_rule(
    query_BTJA, key_BTJA, value_BTJV, log_decay_BTJ, rate_BTJ, runs_BT, chunk=CHUNK
):
    """What each token reads from the state, which begins at zero in every run.

    Args:
        query_BTJA, key_BTJA, value_BTJV: f[B,T,J,A or V]; keys of length 1.
        log_decay_BTJ: f[B,T,J] logarithm of the factor on the state, at most 0.
        rate_BTJ: f[B,T,J] in (0, 1): the part of the value that is written.
        runs_BT: i32[B,T], see `runs`.
        chunk: C, tokens taken together.

    Returns:
        f32[B,T,J,V].
    """
    B, T, J, A = key_BTJA.shape
    chunk = min(chunk, T)
    more = -T % chunk

    def chunks(x, mode="constant"):
        """[T/C,B,J,C,...] of [B,T,J,...], and [T/C,B,C] of [B,T]."""
        x = jnp.pad(x, ((0, 0), (0, more), *((0, 0),) * (x.ndim - 2)), mode=mode)
        x = jnp.moveaxis(x.reshape(B, -1, chunk, *x.shape[2:]), 1, 0)
        return x if x.ndim == 3 else jnp.moveaxis(x, 3, 2)

    floats = (query_BTJA, key_BTJA, value_BTJV, log_decay_BTJ, rate_BTJ)
    # Padding has rate 0 and decay 1: it writes nothing. It belongs to the last run.
    inputs = (*(chunks(x.astype(jnp.float32)) for x in floats), chunks(runs_BT, "edge"))
    state_BJAV = jnp.zeros((B, J, A, value_BTJV.shape[-1]), jnp.float32)
    step = jax.checkpoint(_one_chunk, prevent_cse=False)
    _, read = jax.lax.scan(step, (state_BJAV, runs_BT[:, 0]), inputs)
    read = jnp.moveaxis(read, 0, 1)  # [B,T/C,J,C,V]
    return jnp.moveaxis(read, 2, 3).reshape(B, T + more, J, -1)[:, :T]


def _one_chunk(carried, inputs):
    """The state after a chunk, and what its tokens read.

    Decays between tokens are sums of logarithms of what lies between them: differences of running
    sums would lose what a strong decay, perhaps of another segment, leaves of their digits."""
    state_BJAV, run_B = carried
    query_BJCA, key_BJCA, value_BJCV, log_decay_BJC, rate_BJC, runs_BC = inputs
    C = runs_BC.shape[1]
    below_CC, earlier_CC = jnp.tri(C, dtype=bool), jnp.tri(C, k=-1, dtype=bool)
    seen_BJCC = (below_CC & (runs_BC[:, :, None] == runs_BC[:, None, :]))[:, None]
    between_BJCC = jnp.cumsum(jnp.where(earlier_CC, log_decay_BJC[..., None], 0), axis=-2)
    decay_BJCC = jnp.exp(jnp.where(seen_BJCC, between_BJCC, -jnp.inf))
    goes_on_BJC = (runs_BC == run_B[:, None])[:, None]
    entering_BJC = jnp.exp(jnp.where(goes_on_BJC, jnp.cumsum(log_decay_BJC, axis=-1), -jnp.inf))

    product = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)
    alike_BJCC = product("BJCA,BJEA->BJCE", key_BJCA, key_BJCA) * decay_BJCC
    known_BJCV = entering_BJC[..., None] * product("BJCA,BJAV->BJCV", key_BJCA, state_BJAV)
    inverse_BJCC = _inverse(jnp.where(earlier_CC, rate_BJC[..., None] * alike_BJCC, 0))
    offered_BJCV = rate_BJC[..., None] * (value_BJCV - known_BJCV)
    written_BJCV = product("BJCE,BJEV->BJCV", inverse_BJCC, offered_BJCV)
    scores_BJCC = product("BJCA,BJEA->BJCE", query_BJCA, key_BJCA) * decay_BJCC
    read_BJCV = entering_BJC[..., None] * product("BJCA,BJAV->BJCV", query_BJCA, state_BJAV)
    read_BJCV = read_BJCV + product("BJCE,BJEV->BJCV", scores_BJCC, written_BJCV)
    left_BJCA = decay_BJCC[:, :, -1, :, None] * key_BJCA
    state_BJAV = entering_BJC[:, :, -1, None, None] * state_BJAV
    state_BJAV = state_BJAV + product("BJCA,BJCV->BJAV", left_BJCA, written_BJCV)
    return (state_BJAV, runs_BC[:, -1]), read_BJCV


def _inverse(lower_CC):
    """The inverse of I + `lower_CC` [...,C,C], which is 0 on and above its diagonal.

    Blocks of twice the size are inverted with those of the size before, from single tokens on.
    With XLA's triangular solve a program for several devices of one CPU hangs in its next sum over
    them, from a width of the values of 12 on.
    """
    C = lower_CC.shape[-1]
    row, column = jnp.arange(C)[:, None], jnp.arange(C)[None]
    product = functools.partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)
    inverse = jnp.broadcast_to(jnp.eye(C, dtype=lower_CC.dtype), lower_CC.shape)
    for size in (2**level for level in range(max(C - 1, 0).bit_length())):
        beside = (row // size % 2 == 1) & (column // size == row // size - 1)
        joint = jnp.where(beside, lower_CC, 0)
        inverse = inverse - product(inverse, product(joint, inverse))
    return inverse


def _normed(x):
    wide = x.astype(jnp.float32)
    return wide * jax.lax.rsqrt(jnp.sum(wide * wide, axis=-1, keepdims=True) + NORM_EPS)


def _log_uniform(key, shape, dtype):
    """Decay rates between 0.01 and 16, as their logarithms."""
    return jnp.log(jax.random.uniform(key, shape, dtype, 0.01, 16.0))
