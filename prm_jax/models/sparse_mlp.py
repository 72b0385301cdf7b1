"""A sparse mlp: each token goes through the k of E small mlps that a router gives it, none is
dropped (Qwen3-MoE, arXiv:2505.09388).

The router is computed in float32 whatever the compute dtype: its probabilities are a softmax over
all experts, of which the k largest count, divided by their sum where the model says so. Rows are
sorted by expert for `grouped_matmul`. No token changes what another one gets.

The mesh axis 'expert' splits the experts, and the rows of a batch as 'data' does. Each device
gathers the tokens of its group of devices, runs its own experts on them, and the sums go back to
where the tokens came from. Shapes do not depend on the routing, so a device keeps room for all
tokens of its group going to its experts. The auxiliary loss that balances experts in pretraining is
no part of reward training.
"""

import functools
import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P

from prm_jax.models.config import DecoderConfig
from prm_jax.models.constraints import (
    BATCH_AXES,
    EXPERT,
    SEQUENCE,
    divisible_spec,
    mesh_axes,
    sequence_shards,
)
from prm_jax.models.grouped_matmul import grouped_matmul

ACTIVATIONS: dict[str, Callable] = {
    "silu": nn.silu,
    "gelu_tanh": functools.partial(nn.gelu, approximate=True),
}


class Kernel(nn.Module):
    """A matrix, or a stack of them, initialised by its number of inputs."""

    shape: tuple[int, ...]

    @nn.compact
    def __call__(self):
        initial = nn.initializers.normal(1 / math.sqrt(self.shape[-2]))
        return self.param("kernel", initial, self.shape, jnp.float32)


class Experts(nn.Module):
    """The gated mlps, stacked."""

    config: DecoderConfig
    dtype: str

    @nn.compact
    def __call__(self, x_BTD, chosen_BTX, weight_BTX):
        E, D, F = self.config.n_experts, self.config.d_model, self.config.d_expert
        shapes = {"gate": (E, D, F), "up": (E, D, F), "down": (E, F, D)}
        kernels = (Kernel(shape, name=name)() for name, shape in shapes.items())
        gate_EDF, up_EDF, down_EFD = (kernel.astype(self.dtype) for kernel in kernels)
        activation = ACTIVATIONS[self.config.activation]
        return run_experts(x_BTD, chosen_BTX, weight_BTX, gate_EDF, up_EDF, down_EFD, activation)


class SparseMlp(nn.Module):
    """A router and its experts."""

    config: DecoderConfig
    dtype: str

    @nn.compact
    def __call__(self, x_BTD):
        config = self.config
        router_DE = Kernel((config.d_model, config.n_experts), name="router")()
        chosen_BTX, weight_BTX = route(
            x_BTD, router_DE, config.experts_per_token, config.normalise_routing
        )
        return Experts(config, self.dtype, name="experts")(x_BTD, chosen_BTX, weight_BTX)


def route(x_BTD, router_DE, experts_per_token, normalise):
    """Which experts each token goes to, and how much each counts.

    Args:
        x_BTD: float array of tokens.
        router_DE: f32[D,E].
        experts_per_token: X.
        normalise: whether the weights of a token add up to 1.

    Returns:
        `(chosen_BTX, weight_BTX)`: i32 expert numbers, and f32 weights, largest first; of equal
        ones the expert with the lower number comes first.
    """
    logits_BTE = jnp.einsum(
        "BTD,DE->BTE",
        x_BTD.astype(jnp.float32),
        router_DE.astype(jnp.float32),
        precision=jax.lax.Precision.HIGHEST,
    )
    weight_BTX, chosen_BTX = jax.lax.top_k(jax.nn.softmax(logits_BTE), experts_per_token)
    if normalise:
        weight_BTX = weight_BTX / weight_BTX.sum(axis=-1, keepdims=True)
    return chosen_BTX, weight_BTX


def run_experts(
    x_BTD, chosen_BTX, weight_BTX, gate_EDF, up_EDF, down_EFD, activation, implementation=None
):
    """The weighted sum of what a token's experts make of it.

    Args:
        x_BTD: float array of tokens.
        chosen_BTX: i32 expert numbers.
        weight_BTX: f32 weights.
        gate_EDF, up_EDF, down_EFD: the experts' matrices, in the dtype of `x_BTD`.
        activation: a function of arrays.
        implementation: of `grouped_matmul`.

    Returns:
        Array like `x_BTD`; the sum over experts is taken in float32.
    """
    run = functools.partial(_run_local, activation=activation, implementation=implementation)
    tokens, kernels = (x_BTD, chosen_BTX, weight_BTX), (gate_EDF, up_EDF, down_EFD)
    axes = mesh_axes()
    if math.prod(axes.values()) == 1:
        return run(*tokens, *kernels).astype(x_BTD.dtype)

    split = SEQUENCE if sequence_shards(x_BTD.shape[1]) > 1 else None
    by_tokens = divisible_spec(x_BTD.shape, P(BATCH_AXES, split, None), axes)
    by_expert = divisible_spec(gate_EDF.shape, P(EXPERT, None, "tensor"), axes)
    experts_split, width_split = by_expert[0] is not None, by_expert[2] is not None
    rows_split = by_tokens[0] is not None
    specs = (by_tokens,) * 3 + (by_expert, by_expert, P(by_expert[0], by_expert[2], None))

    def local(*arrays):
        tokens, kernels = arrays[:3], arrays[3:]
        first = 0
        if experts_split:
            first = jax.lax.axis_index(EXPERT) * kernels[0].shape[0]
            if rows_split:
                tokens = tuple(jax.lax.all_gather(x, EXPERT, axis=0, tiled=True) for x in tokens)
        mixed_BTD = run(*tokens, *kernels, first=first)
        if experts_split and rows_split:
            mixed_BTD = jax.lax.psum_scatter(mixed_BTD, EXPERT, scatter_dimension=0, tiled=True)
        elif experts_split:
            mixed_BTD = jax.lax.psum(mixed_BTD, EXPERT)
        mixed_BTD = jax.lax.psum(mixed_BTD, "tensor") if width_split else mixed_BTD
        return mixed_BTD.astype(x_BTD.dtype)

    return jax.shard_map(local, in_specs=specs, out_specs=by_tokens, check_vma=False)(
        *tokens, *kernels
    )


def _run_local(
    x_BTD,
    chosen_BTX,
    weight_BTX,
    gate_EDF,
    up_EDF,
    down_EFD,
    *,
    activation,
    implementation,
    first=0,
):
    """f32[B,T,D]: the part of the sum that the experts from number `first` on have."""
    n_experts, (*_, D), X = gate_EDF.shape[0], x_BTD.shape, chosen_BTX.shape[-1]
    local_M = chosen_BTX.reshape(-1) - first
    # Those of other devices come last, in no group.
    local_M = jnp.where((local_M >= 0) & (local_M < n_experts), local_M, n_experts)
    order_M = jnp.argsort(local_M, stable=True)
    size_E = jnp.bincount(local_M, length=n_experts).astype(jnp.int32)
    # Each row is read once, so that its gradient is written once: sums have one order.
    each_MD = jnp.broadcast_to(x_BTD.reshape(-1, 1, D), (x_BTD.size // D, X, D)).reshape(-1, D)
    sorted_MD = _permute(each_MD, order_M)
    multiply = functools.partial(grouped_matmul, size_E=size_E, implementation=implementation)
    inner_MF = activation(multiply(sorted_MD, gate_EDF)) * multiply(sorted_MD, up_EDF)
    out_MD = _permute(multiply(inner_MF, down_EFD), jnp.argsort(order_M))
    out_BTXD = out_MD.reshape(*chosen_BTX.shape, D)
    return jnp.einsum("BTXD,BTX->BTD", out_BTXD, weight_BTX, preferred_element_type=jnp.float32)


def _permute(rows_MD, order_M):
    return rows_MD.at[order_M].get(unique_indices=True, mode="promise_in_bounds")
