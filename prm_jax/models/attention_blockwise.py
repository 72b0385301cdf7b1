"""Attention over blocks of queries: less memory, no work on keys that no query of a block sees.

On a CPU the scores of one block and one row stay in the cache, which the scores of all tokens do
not. Also the path for soft-capped scores, which jax.nn.dot_product_attention does not know.
"""

import jax
import jax.numpy as jnp

from prm_jax.models.visibility import reach_of, visible

BLOCK = 128
MAX_BLOCKS = 8  # blocks are unrolled: more of them cost compile time and save little


def blockwise(
    query_BTNH,
    key_BTKH,
    value_BTKH,
    *,
    segment_ids_BT,
    windows,
    kind,
    scale,
    softcap,
    one_row_at_a_time,
):
    """Attention as `attention.attend` describes it; scores are recomputed in the backward pass.

    Args:
        query_BTNH, key_BTKH, value_BTKH, segment_ids_BT, windows, kind, scale, softcap: as in
            `attention.attend`.
        one_row_at_a_time: loop over the rows (CPU) instead of running them side by side.

    Returns:
        Array like `query_BTNH`.
    """
    length = query_BTNH.shape[1]
    reach = reach_of(windows, kind, length)
    furthest = length if None in windows else max(windows)
    block = max(BLOCK, -(-length // MAX_BLOCKS))

    @jax.checkpoint
    def attend_row(row):
        query_TNH, key_TKH, value_TKH, segments_T = row
        mixed = []
        for start in range(0, length, block):
            stop = min(start + block, length)
            first = max(0, start - furthest + 1)
            queries, keys = slice(start, stop), slice(first, stop)
            seen_QS = visible(
                jnp.arange(start, stop),
                jnp.arange(first, stop),
                None if segments_T is None else segments_T[queries],
                None if segments_T is None else segments_T[keys],
                reach,
            )
            mixed.append(
                attend_block(
                    query_TNH[queries], key_TKH[keys], value_TKH[keys], seen_QS, scale, softcap
                )
            )
        return jnp.concatenate(mixed)

    rows = (query_BTNH, key_BTKH, value_BTKH, segment_ids_BT)
    if one_row_at_a_time:
        return jax.lax.map(attend_row, rows)
    return jax.vmap(attend_row)(rows)


def attend_block(query_QNH, key_SKH, value_SKH, seen_QS, scale, softcap):
    """Attention of a block of queries to the keys that bool[Q,S] says they see: [Q,N,H]."""
    Q, N, H = query_QNH.shape
    S, K, _ = key_SKH.shape
    G = N // K
    # The G queries that share a key head become rows of one matrix: K matmuls instead of N.
    query_KMH = query_QNH.reshape(Q, K, G, H).transpose(1, 2, 0, 3).reshape(K, G * Q, H)
    scores = jnp.einsum("KMH,SKH->KMS", query_KMH, key_SKH, preferred_element_type=jnp.float32)
    scores = scores.reshape(K, G, Q, S) * scale
    if softcap is not None:
        scores = softcap * jnp.tanh(scores / softcap)
    scores = jnp.where(seen_QS, scores, jnp.finfo(jnp.float32).min)
    weights_KMS = jax.nn.softmax(scores, axis=-1).astype(value_SKH.dtype).reshape(K, G * Q, S)
    mixed_KMH = jnp.einsum("KMS,SKH->KMH", weights_KMS, value_SKH)
    return mixed_KMH.reshape(K, G, Q, H).transpose(2, 0, 1, 3).reshape(Q, N, H)
