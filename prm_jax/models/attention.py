"""Causal attention inside segments, by the fastest implementation that the device and the model
allow."""

import functools

import jax
import jax.numpy as jnp

from prm_jax.errors import InputError

IMPLEMENTATIONS = ("auto", "xla", "cudnn", "splash")


def attention_mask(segment_ids_BT, length, window=None):
    """Which keys a query may see: its own segment, not later, and at most `window` tokens with
    itself.

    Args:
        segment_ids_BT: i32[B,T]; None is one segment a row. Padding (segment 0) sees padding, so
            no row is empty.
        length: T.
        window: tokens that a query sees, itself included; None is all.

    Returns:
        bool[B or 1,1,T,T], queries before keys.
    """
    query, key = jnp.arange(length)[:, None], jnp.arange(length)[None, :]
    visible = key <= query
    if window is not None:
        visible &= query - key < window
    visible = visible[None, None]
    if segment_ids_BT is not None:
        visible = visible & (segment_ids_BT[:, None, :, None] == segment_ids_BT[:, None, None, :])
    return visible


def choose(implementation, dtype, head_dim, length, softcap):
    """Resolves 'auto' and refuses what cannot work.

    cuDNN takes 16-bit inputs with a head dimension of at most 128 and divisible by 8 and has no
    soft cap; the splash kernel takes sequences in multiples of 128.
    """
    if implementation not in IMPLEMENTATIONS:
        raise InputError(
            f"unknown attention {implementation!r}",
            field="attention",
            remedy=f"known are {', '.join(IMPLEMENTATIONS)}",
        )
    if implementation != "auto":
        return implementation
    backend = jax.default_backend()
    half = jnp.dtype(dtype).itemsize == 2
    if backend == "gpu" and half and head_dim <= 128 and head_dim % 8 == 0 and softcap is None:
        return "cudnn"
    if backend == "tpu" and length % 128 == 0 and head_dim % 128 == 0:
        return "splash"
    return "xla"


def attend(query_BTNH, key_BTKH, value_BTKH, mask, *, scale, softcap=None, implementation="xla"):
    """Attention under an explicit mask; query heads share key heads in groups of N / K.

    Args:
        query_BTNH, key_BTKH, value_BTKH: float arrays of one dtype.
        mask: bool[B or 1,1,T,T].
        scale: factor on the scores.
        softcap: c in c * tanh(scores / c), before the mask (Gemma 2).
        implementation: 'xla' or 'cudnn'.

    Returns:
        Array like `query_BTNH`.
    """
    if softcap is None:
        return jax.nn.dot_product_attention(
            query_BTNH, key_BTKH, value_BTKH, mask=mask, scale=scale, implementation=implementation
        )
    B, T, N, H = query_BTNH.shape
    K = key_BTKH.shape[2]
    grouped = query_BTNH.reshape(B, T, K, N // K, H)
    scores = jnp.einsum("BTKGH,BSKH->BKGTS", grouped, key_BTKH, preferred_element_type=jnp.float32)
    scores = softcap * jnp.tanh(scores * scale / softcap)
    scores = jnp.where(mask[:, :, None], scores, jnp.finfo(jnp.float32).min)
    weights = jax.nn.softmax(scores, axis=-1).astype(query_BTNH.dtype)
    return jnp.einsum("BKGTS,BSKH->BTKGH", weights, value_BTKH).reshape(B, T, N, H)


def splash(
    query_BTNH, key_BTKH, value_BTKH, segment_ids_BT, *, scale, softcap, window, interpret=False
):
    """The TPU splash kernel: causal or sliding attention inside segments without a T x T mask.

    Args:
        query_BTNH, key_BTKH, value_BTKH: float arrays; T a multiple of 128.
        segment_ids_BT: i32[B,T] or None.
        scale, softcap: as in `attend`.
        window: tokens that a query sees, itself included; None is all.
        interpret: run on any device, slowly, for tests.

    Returns:
        Array like `query_BTNH`.
    """
    from jax.experimental.pallas.ops.tpu.splash_attention import (
        splash_attention_kernel as kernels,
    )
    from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_mask as masks

    B, T, N, H = query_BTNH.shape
    K = key_BTKH.shape[2]
    if window is None:
        mask = masks.CausalMask((T, T))
    else:
        mask = masks.LocalMask((T, T), (window - 1, 0), 0)
    kernel = kernels.make_splash_mqa_single_device(
        masks.MultiHeadMask([mask] * (N // K)),
        attn_logits_soft_cap=softcap,
        interpret=interpret,
    )
    query = (query_BTNH * scale).reshape(B, T, K, N // K, H).transpose(0, 2, 3, 1, 4)
    key, value = key_BTKH.swapaxes(1, 2), value_BTKH.swapaxes(1, 2)
    if segment_ids_BT is None:
        segment_ids_BT = jnp.ones((B, T), jnp.int32)

    def row(query_KGTH, key_KTH, value_KTH, segments_T):
        segments = kernels.SegmentIds(segments_T, segments_T)
        return jax.vmap(functools.partial(kernel, segment_ids=segments))(
            query_KGTH, key_KTH, value_KTH
        )

    out_BKGTH = jax.vmap(row)(query, key, value, segment_ids_BT)
    return out_BKGTH.transpose(0, 3, 1, 2, 4).reshape(B, T, N, H).astype(query_BTNH.dtype)
