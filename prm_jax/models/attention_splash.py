"""The TPU splash kernel: causal or sliding attention inside segments, scores never in memory."""

import functools

import jax
import jax.numpy as jnp
from jax.experimental.pallas.ops.tpu.splash_attention import (
    BlockSizes,
    CausalMask,
    LocalMask,
    MultiHeadMask,
    SegmentIds,
    make_splash_mqa_single_device,
)
from jax.sharding import PartitionSpec as P

from prm_jax.models.constraints import BATCH_AXES, divisible_spec, mesh_axes

LARGEST_BLOCK = 512


def splash(query_BTNH, key_BTKH, value_BTKH, *, segment_ids_BT, windows, kind, scale, softcap):
    """Attention as `attention.attend` describes it, by the splash kernel.

    On other devices than a TPU the kernel is interpreted: right, slow, for tests. Under a mesh
    each device runs it on its own rows and heads, since XLA cannot split a kernel.

    Args:
        query_BTNH, key_BTKH, value_BTKH, segment_ids_BT, windows, kind, scale, softcap: as in
            `attention.attend`; T a multiple of 128.

    Returns:
        Array like `query_BTNH`.
    """
    if segment_ids_BT is None:
        segment_ids_BT = jnp.ones(query_BTNH.shape[:2], jnp.int32)

    def local(query_BTNH, key_BTKH, value_BTKH, segment_ids_BT, kind):
        # The kernel's mask is fixed when it is made, so each kind of layer has its own.
        branches = [
            functools.partial(_one_window, window=window, softcap=softcap) for window in windows
        ]
        arrays = (query_BTNH * scale, key_BTKH, value_BTKH, segment_ids_BT)
        if len(branches) == 1:
            return branches[0](*arrays)
        return jax.lax.switch(kind, branches, *arrays)

    arrays = (query_BTNH, key_BTKH, value_BTKH, segment_ids_BT, jnp.asarray(kind, jnp.int32))
    axes = mesh_axes()
    if not axes:
        return local(*arrays)
    by_heads = divisible_spec(key_BTKH.shape, P(BATCH_AXES, None, "tensor", None), axes)
    specs = (by_heads, by_heads, by_heads, P(by_heads[0], None), P())
    return jax.shard_map(local, in_specs=specs, out_specs=by_heads, check_vma=False)(*arrays)


def _one_window(query_BTNH, key_BTKH, value_BTKH, segment_ids_BT, *, window, softcap):
    B, T, N, H = query_BTNH.shape
    K = key_BTKH.shape[2]
    mask = CausalMask((T, T)) if window is None else LocalMask((T, T), (window - 1, 0), 0)
    block = next(size for size in (LARGEST_BLOCK, 256, 128) if T % size == 0)
    kernel = make_splash_mqa_single_device(
        MultiHeadMask([mask] * (N // K)),
        block_sizes=BlockSizes(
            block_q=block,
            block_kv=block,
            block_q_dkv=block,
            block_kv_dkv=block,
            block_q_dq=block,
            block_kv_dq=block,
        ),
        attn_logits_soft_cap=softcap,
        interpret=jax.default_backend() != "tpu",
    )

    def row(query_KGTH, key_KTH, value_KTH, segments_T):
        segments = SegmentIds(segments_T, segments_T)
        return jax.vmap(functools.partial(kernel, segment_ids=segments))(
            query_KGTH, key_KTH, value_KTH
        )

    query_BKGTH = query_BTNH.reshape(B, T, K, N // K, H).transpose(0, 2, 3, 1, 4)
    mixed_BKGTH = jax.vmap(row)(
        query_BKGTH, key_BTKH.swapaxes(1, 2), value_BTKH.swapaxes(1, 2), segment_ids_BT
    )
    return mixed_BKGTH.transpose(0, 3, 1, 2, 4).reshape(B, T, N, H).astype(query_BTNH.dtype)
