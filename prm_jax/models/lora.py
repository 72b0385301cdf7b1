"""Low-rank adapters as pure functions on parameters (Hu et al., arXiv:2106.09685).

An adapted kernel W of matrix shape (inputs, outputs) is used as W + (alpha / rank) A B, with A
random and B zero at the start, so that training begins at the original model. Adapters are a tree
of their own: train them, keep the parameters frozen, merge them whenever a plain parameter tree is
wanted. Their `scale` leaves define the adapter and are not learned: no gradient reaches them.
"""

import math
import re

import jax
import jax.numpy as jnp

from prm_jax.errors import InputError
from prm_jax.models.tree import from_paths, paths

DEFAULT_TARGETS = (
    r"layers_\d+/(block_\d+/)?attn/[qkvo]/kernel",
    r"layers_\d+/(block_\d+/)?mlp/(gate|up|down)/kernel",
)


def default_targets(params):
    """What is adapted where nothing is said: of a model with experts only attention."""
    return tuple(t for t in DEFAULT_TARGETS if any(re.search(t, path) for path in paths(params)))


def init_lora(key, params, rank, alpha, targets=None):
    """Fresh adapters for the kernels that match.

    Args:
        key: PRNG key.
        params: nested dict of parameters (or their shapes).
        rank: r, at least 1.
        alpha: the adapter's product is scaled by alpha / r.
        targets: regexes over paths; only stacked layer kernels can be adapted, and no experts. None
            is `default_targets`.

    Returns:
        Nested dict with, at each adapted kernel's place, `{'a': f32[L,inputs,r], 'b':
        f32[L,r,outputs], 'scale': f32[L]}`.

    Raises:
        InputError: if a target matches nothing or something that is no layer kernel.
    """
    if rank < 1:
        raise InputError(f"rank {rank} is below 1", field="lora.rank")
    leaves, adapters = paths(params), {}
    for target in default_targets(params) if targets is None else targets:
        hits = [path for path in leaves if re.search(target, path)]
        if not hits:
            raise InputError(f"{target!r} matches no parameter", field="lora.targets")
        for path in hits:
            adapters[path] = leaves[path]
    tree = {}
    for path, key_ in zip(sorted(adapters), jax.random.split(key, len(adapters))):
        layers, inputs, outputs = _matrix_shape(path, adapters[path].shape)
        tree[f"{path}/a"] = jax.random.normal(key_, (layers, inputs, rank)) / math.sqrt(inputs)
        tree[f"{path}/b"] = jnp.zeros((layers, rank, outputs), jnp.float32)
        tree[f"{path}/scale"] = jnp.full((layers,), alpha / rank, jnp.float32)
    return from_paths(tree)


def merge_lora(params, lora):
    """Parameters with every adapter added to its kernel; differentiable in both.

    Args:
        params: nested dict.
        lora: what `init_lora` gave for it.

    Returns:
        Nested dict like `params`.

    Raises:
        InputError: if an adapter has no kernel to adapt, as when only one of the two trees was
            regrouped.
    """
    leaves, adapters = paths(params), paths(lora)
    for path in sorted({name.rsplit("/", 1)[0] for name in adapters}):
        a, b = adapters[f"{path}/a"], adapters[f"{path}/b"]
        if path not in leaves or leaves[path].shape[0] != a.shape[0]:
            raise InputError(
                f"the adapter of {path!r} fits no parameter",
                field="lora",
                remedy="regroup parameters and adapters together (resegment)",
            )
        kernel = leaves[path]
        scale = jax.lax.stop_gradient(adapters[f"{path}/scale"])[:, None, None]
        update = scale * jnp.einsum("LIR,LRO->LIO", a, b)
        leaves[path] = kernel + update.reshape(kernel.shape).astype(kernel.dtype)
    return from_paths(leaves)


def _matrix_shape(path, shape):
    """(layers, inputs, outputs) of a stacked kernel; 'o' contracts two axes, the others one."""
    if not re.fullmatch(r"layers_\d+/.*/kernel", path):
        raise InputError(f"{path!r} is no layer kernel", field="lora.targets")
    if "/experts/" in path:
        raise InputError(
            f"{path!r} stacks experts, which cannot be adapted",
            field="lora.targets",
            remedy="adapt attention, or train the experts themselves",
        )
    inputs = 3 if re.search(r"(attn|linear)/o/kernel$", path) else 2
    return shape[0], math.prod(shape[1:inputs]), math.prod(shape[inputs:])
