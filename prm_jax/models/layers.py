"""Layers that attention, mlp and linear attention are made of."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from prm_jax.models.config import DecoderConfig
from prm_jax.models.constraints import sequence_shards


class Projection(nn.Module):
    """An einsum with a kernel, and a bias over the output axes where the family has one."""

    equation: str
    shape: tuple[int, ...]
    inputs: int
    bias_shape: tuple[int, ...] | None
    dtype: str

    @nn.compact
    def __call__(self, x):
        scale = 1 / math.sqrt(self.inputs)
        kernel = self.param("kernel", nn.initializers.normal(scale), self.shape, jnp.float32)
        kernel = kernel.astype(self.dtype)
        if sequence_shards(x.shape[1]) > 1:
            out = jnp.einsum(self.equation, x, kernel)  # one axis could not be split like two
        else:
            # With rows and tokens in one axis XLA finds faster matmuls for the backward pass on a
            # CPU.
            flat = x.reshape(-1, *x.shape[2:])
            out = jnp.einsum(self.equation.replace("BT", "B"), flat, kernel)
            out = out.reshape(*x.shape[:2], *out.shape[1:])
        if self.bias_shape is not None:
            bias = self.param("bias", nn.initializers.zeros, self.bias_shape, jnp.float32)
            out = out + bias.astype(self.dtype)
        return out


class RMSNorm(nn.Module):
    """Root mean square norm over the last `n_axes` axes, computed in float32."""

    config: DecoderConfig
    dtype: str
    n_axes: int = 1

    @nn.compact
    def __call__(self, x):
        offset, axes = self.config.norm_offset, tuple(range(-self.n_axes, 0))
        initial = nn.initializers.zeros if offset else nn.initializers.ones
        scale = self.param("scale", initial, x.shape[-self.n_axes :], jnp.float32)
        wide = x.astype(jnp.float32)
        mean_square = jnp.mean(wide * wide, axis=axes, keepdims=True)
        normed = wide * jax.lax.rsqrt(mean_square + self.config.norm_eps)
        if offset or self.config.late_rounding:
            scale = scale.astype(jnp.float32)
            return (normed * (1 + scale if offset else scale)).astype(self.dtype)
        return normed.astype(self.dtype) * scale.astype(self.dtype)
