"""The TPU splash kernel: causal or sliding attention inside segments, scores never in memory."""

import functools

import jax
from jax.experimental.pallas.ops.tpu.splash_attention import (
    BlockSizes,
    CausalMask,
    LocalMask,
    MultiHeadMask,
    SegmentIds,
    make_splash_mqa,
)
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from prm_jax.models.constraints import platform

LARGEST_BLOCK = 512


def make_kernels(windows, heads, length, shards, softcap):
    """The kernels of a row, one for each kind of layer: their masks are fixed when they are made.

    On other devices than a TPU they are interpreted: right, slow, for tests.

    Args:
        windows: as in `attention.attend`.
        heads: query heads that share a key head.
        length: T; T / `shards` is a multiple of 128.
        shards: parts of the row, each on its own devices.
        softcap: as in `attention.attend`.

    Returns:
        Tuple of kernels: pytrees, to be split as `kernel_specs` says.
    """
    block = next(size for size in (LARGEST_BLOCK, 256, 128) if length // shards % size == 0)
    shape = (length, length)
    masks = [
        CausalMask(shape) if window is None else LocalMask(shape, (window - 1, 0), 0)
        for window in windows
    ]
    return tuple(
        make_splash_mqa(
            MultiHeadMask([mask] * heads),
            block_sizes=BlockSizes(
                block_q=block,
                block_kv=block,
                block_q_dkv=block,
                block_kv_dkv=block,
                block_q_dq=block,
                block_kv_dq=block,
            ),
            attn_logits_soft_cap=softcap,
            interpret=platform() != "tpu",
            head_shards=1,
            q_seq_shards=shards,
        )
        for mask in masks
    )


def kernel_specs(kernels, axis):
    """PartitionSpecs for `jax.shard_map` of kernels whose queries the mesh axis splits, or None."""
    sharding = NamedSharding(jax.sharding.get_abstract_mesh(), P(None, axis))
    return tuple(kernel.manual_sharding_spec(sharding) for kernel in kernels)


def splash(query_BTNH, key_BTKH, value_BTKH, *, segments, kernels, kind, scale):
    """Attention as `attention.attend` describes it, by the splash kernel, on one device.

    Args:
        query_BTNH, key_BTKH, value_BTKH, kind, scale: as in `attention.attend`; queries may be
            that part of the row that `kernels` were split for.
        segments: i32[B,T] of the queries and of the keys; both None is one segment a row.
        kernels: as `make_kernels` gives them.

    Returns:
        Array like `query_BTNH`.
    """
    B, T, N, H = query_BTNH.shape
    K = key_BTKH.shape[2]
    query_BKGTH = (query_BTNH * scale).reshape(B, T, K, N // K, H).transpose(0, 2, 3, 1, 4)
    rows = (query_BKGTH, key_BTKH.swapaxes(1, 2), value_BTKH.swapaxes(1, 2))
    ids = None if segments[0] is None else SegmentIds(*segments)

    def attend_with(kernel, query_BKGTH, key_BKTH, value_BKTH, ids):
        def attend_row(query_KGTH, key_KTH, value_KTH, ids):
            of_group = jax.vmap(functools.partial(kernel, segment_ids=ids))
            return of_group(query_KGTH, key_KTH, value_KTH)

        return jax.vmap(attend_row)(query_BKGTH, key_BKTH, value_BKTH, ids)

    branches = [functools.partial(attend_with, kernel) for kernel in kernels]
    if len(branches) == 1:
        mixed_BKGTH = branches[0](*rows, ids)
    else:
        mixed_BKGTH = jax.lax.switch(kind, branches, *rows, ids)
    return mixed_BKGTH.transpose(0, 3, 1, 2, 4).reshape(B, T, N, H).astype(query_BTNH.dtype)
