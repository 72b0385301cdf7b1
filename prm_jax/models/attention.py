"""Causal attention inside segments, by the fastest implementation that the device and the model
allow.

implementation  on             how
xla             everything     jax.nn.dot_product_attention, scores of all tokens at once
cudnn           GPU            the same call, cuDNN's fused kernel
splash          TPU            `attention_splash`: Pallas kernel, no scores in memory
blockwise       CPU            `attention_blockwise`: blocks of queries that fit the cache

Rows of trees are read by `attention_trees`: a block at a time for blockwise, side by side for xla.
"""

import jax
import jax.numpy as jnp

from prm_jax.errors import InputError
from prm_jax.models.attention_blockwise import blockwise
from prm_jax.models.attention_splash import splash
from prm_jax.models.attention_trees import attend_trees
from prm_jax.models.visibility import reach_of, visible

IMPLEMENTATIONS = ("auto", "xla", "cudnn", "splash", "blockwise")


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
    if trees is not None:
        return attend_trees(
            query_BTNH,
            key_BTKH,
            value_BTKH,
            trees=trees,
            windows=windows,
            kind=kind,
            scale=scale,
            softcap=softcap,
            one_block_at_a_time=implementation == "blockwise",
        )
    masking = dict(segment_ids_BT=segment_ids_BT, windows=windows, kind=kind)
    if implementation == "splash":
        return splash(query_BTNH, key_BTKH, value_BTKH, **masking, scale=scale, softcap=softcap)
    if implementation == "blockwise" or softcap is not None:
        one_row_at_a_time = implementation == "blockwise"
        return blockwise(
            query_BTNH,
            key_BTKH,
            value_BTKH,
            **masking,
            scale=scale,
            softcap=softcap,
            one_row_at_a_time=one_row_at_a_time,
        )
    length = query_BTNH.shape[1]
    plain = segment_ids_BT is None and windows == (None,)
    mask = None
    if not plain:
        index_T = jnp.arange(length)
        reach = reach_of(windows, kind, length)
        mask = visible(index_T, index_T, segment_ids_BT, segment_ids_BT, reach)
        mask = mask.reshape(-1, 1, length, length)
    return jax.nn.dot_product_attention(
        query_BTNH,
        key_BTKH,
        value_BTKH,
        mask=mask,
        is_causal=plain,
        scale=scale,
        implementation=implementation,
    )


def choose(implementation, dtype, head_dim, length, softcap, trees=False):
    """The implementation to use: resolves 'auto' and refuses what cannot work.

    cuDNN takes 16-bit inputs, an even length and a head dimension divisible by 8 and of at most 128
    (256 from Hopper on), and has no soft cap. The splash kernel takes lengths in multiples of 128;
    'auto' takes it for head dimensions in multiples of 128 only.

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
    device = jax.devices()[0]
    hopper = device.platform == "gpu" and float(getattr(device, "compute_capability", 0)) >= 9.0
    fits_cudnn = (
        device.platform == "gpu"
        and jnp.dtype(dtype).itemsize == 2
        and head_dim % 8 == 0
        and head_dim <= (256 if hopper else 128)
        and length % 2 == 0
        and softcap is None
    )
    fits_splash = length % 128 == 0
    if implementation == "auto":
        if fits_cudnn and not trees:
            return "cudnn"
        if device.platform == "tpu" and fits_splash and head_dim % 128 == 0 and not trees:
            return "splash"
        # Rows of a sharded batch belong to different devices: there they must run side by side.
        if device.platform == "cpu" and jax.sharding.get_abstract_mesh().size <= 1:
            return "blockwise"
        return "xla"
    if implementation == "cudnn" and not fits_cudnn:
        raise InputError(
            "cuDNN attention needs a GPU, bfloat16, an even length, a head dimension divisible by "
            "8 and at most 128, and no soft cap",
            field="attention",
            remedy="use auto or xla",
        )
    if implementation == "splash" and not fits_splash:
        raise InputError(
            f"splash attention needs rows in multiples of 128 tokens, not {length}",
            field="attention",
            remedy="change the row length, or use auto",
        )
    return implementation
