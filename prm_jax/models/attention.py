"""Causal attention inside segments, by the fastest implementation that the device and the model
allow.

implementation  on             how
xla             everything     jax.nn.dot_product_attention, scores of all tokens at once
cudnn           GPU            the same call, cuDNN's fused kernel
splash          TPU            `attention_splash`: Pallas kernel, no scores in memory
blockwise       CPU, long rows `attention_blockwise`: blocks of queries that fit the cache

Rows of trees are read by `attention_trees`: a block at a time for blockwise, side by side for xla.
Where the mesh splits rows, each device has its part of the queries and gathers keys and values.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P

from prm_jax.errors import InputError
from prm_jax.models.attention_blockwise import blockwise
from prm_jax.models.attention_trees import attend_trees
from prm_jax.models.constraints import (
    BATCH_AXES,
    SEQUENCE,
    divisible_spec,
    mesh_axes,
    platform,
    sequence_shards,
)
from prm_jax.models.visibility import reach_of, visible

IMPLEMENTATIONS = ("auto", "xla", "cudnn", "splash", "blockwise")
LONGEST_AT_ONCE = 4096
"""In longer rows 'auto' does not keep the scores of all tokens at once."""


def attend(
    query_BTNH,
    key_BTKH,
    value_BTKH,
    *,
    segment_ids_BT=None,
    trees=None,
    windows=(None,),
    kind=0,
    scale,
    softcap=None,
    implementation="xla",
):
    """Attention in which a token sees its own segment, nothing later, and its window.

    Query heads share key heads in groups of N / K; keys and values are never repeated.

    Args:
        query_BTNH, key_BTKH, value_BTKH: float arrays of one dtype.
        segment_ids_BT: i32[B,T]; None is one segment a row. Padding (segment 0) sees padding, so
            that no token sees nothing.
        trees: `attention_trees.Trees`; a token sees its ancestors, and segments are not looked at.
        windows: for each kind of layer, how many tokens a query sees, itself included; None is all.
        kind: i32[], which of `windows` this layer has.
        scale: factor on the scores.
        softcap: c in c * tanh(scores / c), before the mask (Gemma 2).
        implementation: one that `choose` gave.

    Returns:
        Array like `query_BTNH`; softmax is computed in float32.
    """
    length, axes = query_BTNH.shape[1], mesh_axes()
    shards = sequence_shards(length)
    if trees is not None and trees.ancestors_BMP.shape[1] % shards:
        shards = 1
    kernels: tuple = ()
    if implementation == "splash":
        from prm_jax.models.attention_splash import make_kernels  # Pallas takes long to import

        heads = query_BTNH.shape[2] // key_BTKH.shape[2]
        kernels = make_kernels(windows, heads, length, shards, softcap)
    part = functools.partial(
        _attend_part, windows=windows, scale=scale, softcap=softcap, implementation=implementation
    )
    segments = (segment_ids_BT, segment_ids_BT)
    # XLA cannot split a kernel, nor a loop over rows; the rest it splits by itself.
    by_itself = shards == 1 and implementation not in ("splash", "blockwise")
    if by_itself or math.prod(axes.values()) == 1:
        return part(query_BTNH, key_BTKH, value_BTKH, segments, trees, kernels, kind)

    def local(query_BTNH, key_BTKH, value_BTKH, *others):
        if shards == 1:
            return part(query_BTNH, key_BTKH, value_BTKH, *others)
        key_BTKH, value_BTKH = (
            jax.lax.all_gather(x, SEQUENCE, axis=1, tiled=True) for x in (key_BTKH, value_BTKH)
        )
        first = jax.lax.axis_index(SEQUENCE) * query_BTNH.shape[1]
        return part(query_BTNH, key_BTKH, value_BTKH, *others, first=first)

    split = SEQUENCE if shards > 1 else None
    by_heads = divisible_spec(key_BTKH.shape, P(BATCH_AXES, split, "tensor", None), axes)
    whole, by_tokens = P(by_heads[0]), P(by_heads[0], split)
    of_trees = None if trees is None else trees.specs(whole, by_tokens)
    of_kernels: tuple = ()
    if kernels:
        from prm_jax.models.attention_splash import kernel_specs

        of_kernels = kernel_specs(kernels, split)
    others = ((by_tokens, whole), of_trees, of_kernels, P())
    specs = (by_heads, by_heads, by_heads, *others)
    return jax.shard_map(local, in_specs=specs, out_specs=by_heads, check_vma=False)(
        query_BTNH, key_BTKH, value_BTKH, segments, trees, kernels, jnp.asarray(kind, jnp.int32)
    )


def _attend_part(
    query_BTNH,
    key_BTKH,
    value_BTKH,
    segments,
    trees,
    kernels,
    kind,
    *,
    windows,
    scale,
    softcap,
    implementation,
    first=0,
):
    """Attention of the queries from place `first` of the row on, to the keys of all of it."""
    arrays = (query_BTNH, key_BTKH, value_BTKH)
    one_at_a_time = implementation == "blockwise"
    options = dict(windows=windows, kind=kind, scale=scale, softcap=softcap, first=first)
    if trees is not None:
        return attend_trees(*arrays, trees=trees, one_block_at_a_time=one_at_a_time, **options)
    if implementation == "splash":
        from prm_jax.models.attention_splash import splash

        return splash(*arrays, segments=segments, kernels=kernels, kind=kind, scale=scale)
    if implementation == "blockwise" or softcap is not None:
        return blockwise(*arrays, segments=segments, one_row_at_a_time=one_at_a_time, **options)
    n_queries, length = query_BTNH.shape[1], key_BTKH.shape[1]
    plain = segments[0] is None and windows == (None,) and n_queries == length
    mask = None
    if not plain:
        places_T = first + jnp.arange(n_queries)
        reach = reach_of(windows, kind, length)
        mask = visible(places_T, jnp.arange(length), segments[0], segments[1], reach)
        mask = mask.reshape(-1, 1, n_queries, length)
    return jax.nn.dot_product_attention(
        *arrays, mask=mask, is_causal=plain, scale=scale, implementation=implementation
    )


def choose(implementation, dtype, head_dim, length, softcap, trees=False):
    """The implementation to use: resolves 'auto' and refuses what cannot work.

    cuDNN takes 16-bit inputs, an even length and a head dimension divisible by 8 and of at most 128
    (256 from Hopper on), and has no soft cap. The splash kernel takes lengths in multiples of 128;
    'auto' takes it for head dimensions in multiples of 128 only. Where the mesh splits rows, the
    length is that of a part.

    Args:
        implementation: one of `IMPLEMENTATIONS`.
        dtype: compute dtype.
        head_dim: H.
        length: T.
        softcap: soft cap on the scores, or None.
        trees: whether rows hold trees; 'auto' is then one of the two that know them.

    Returns:
        'xla', 'cudnn', 'splash' or 'blockwise'.

    Raises:
        InputError: for an unknown name, or one that does not fit the model or the device.
    """
    if implementation not in IMPLEMENTATIONS:
        raise InputError(
            f"unknown attention {implementation!r}",
            field="attention",
            remedy=f"known are {', '.join(IMPLEMENTATIONS)}",
        )
    if trees and implementation in ("cudnn", "splash"):
        raise InputError(
            f"{implementation} attention does not know trees of shared prefixes",
            field="attention",
            remedy="use auto, xla or blockwise, or do not share prefixes",
        )
    shards = sequence_shards(length)
    device = jax.devices()[0]
    hopper = device.platform == "gpu" and float(getattr(device, "compute_capability", 0)) >= 9.0
    fits_cudnn = (
        device.platform == "gpu"
        and jnp.dtype(dtype).itemsize == 2
        and head_dim % 8 == 0
        and head_dim <= (256 if hopper else 128)
        and length // shards % 2 == 0
        and softcap is None
    )
    fits_splash = length // shards % 128 == 0
    if implementation == "auto":
        if fits_cudnn and not trees:
            return "cudnn"
        if platform() == "tpu" and fits_splash and head_dim % 128 == 0 and not trees:
            return "splash"
        if platform() == "cpu" and (shards > 1 or jax.sharding.get_abstract_mesh().size <= 1):
            return "blockwise"
        return "blockwise" if length > LONGEST_AT_ONCE and not trees else "xla"
    if implementation == "cudnn" and not fits_cudnn:
        raise InputError(
            "cuDNN attention needs a GPU, bfloat16, an even length, a head dimension divisible by "
            "8 and at most 128, and no soft cap",
            field="attention",
            remedy="use auto or xla",
        )
    if implementation == "splash" and not fits_splash:
        raise InputError(
            f"splash attention needs rows in multiples of {128 * shards} tokens, not {length}",
            field="attention",
            remedy="change the row length, or use auto",
        )
    return implementation
