"""Attention over blocks of queries: less memory, no work on keys that no query of a block sees.

On a CPU the scores of one block and one row stay in the cache, which the scores of all tokens do
not. Also the path for soft-capped scores, which jax.nn.dot_product_attention does not know, and for
rows so long that the scores of all tokens fit no memory.
"""

import functools

import jax
import jax.numpy as jnp

from prm_jax.models.visibility import reach_of, visible

BLOCK = 128
MAX_BLOCKS = 8  # blocks are unrolled: more of them cost compile time and save little
LARGEST_BLOCK = 512  # a larger block is read `BLOCK` queries at a time, in a loop


def blockwise(
    query_BTNH,
    key_BTKH,
    value_BTKH,
    *,
    segments,
    windows,
    kind,
    scale,
    softcap,
    one_row_at_a_time,
    first=0,
):
    """Attention as `attention.attend` describes it; scores are recomputed in the backward pass.

    Args:
        query_BTNH, key_BTKH, value_BTKH, windows, kind, scale, softcap: as in `attention.attend`;
            queries may be a part of the row, one of several equally long ones.
        segments: i32[B,T] of the queries and of the keys; both None is one segment a row.
        one_row_at_a_time: loop over the rows (CPU) instead of running them side by side.
        first: place in the row of the first query, an int or i32[].

    Returns:
        Array like `query_BTNH`.
    """
    n_queries, length = query_BTNH.shape[1], key_BTKH.shape[1]
    reach = reach_of(windows, kind, length)
    furthest = length if None in windows else max(windows)
    block = max(BLOCK, -(-n_queries // MAX_BLOCKS))

    @jax.checkpoint
    def attend_row(row):
        query_TNH, key_TKH, value_TKH, query_segments_T, key_segments_T = row

        def attend_part(place, query_QNH, segments_Q, stop):
            """Queries from `place` on, which see no key from `stop` on."""
            count = min(stop, len(query_QNH) + furthest - 1)
            start = 0 if count == stop else _at_least_0(place - furthest + 1)
            cut = functools.partial(_cut, start=start, count=count)
            seen_QS = visible(
                place + jnp.arange(len(query_QNH)),
                start + jnp.arange(count),
                segments_Q,
                None if segments_Q is None else cut(key_segments_T),
                reach,
            )
            return attend_block(query_QNH, cut(key_TKH), cut(value_TKH), seen_QS, scale, softcap)

        def attend_in_loop(place, query_QNH, segments_Q, stop):
            # Kept for the backward pass, the scores of all turns would be those of all tokens.
            part = jax.checkpoint(functools.partial(attend_part, stop=stop), prevent_cse=False)
            parts = jax.tree.map(
                lambda x: x.reshape(-1, BLOCK, *x.shape[1:]), (query_QNH, segments_Q)
            )
            places = place + jnp.arange(0, len(query_QNH), BLOCK)
            mixed = jax.lax.map(lambda turn: part(turn[0], *turn[1]), (places, parts))
            return mixed.reshape(query_QNH.shape)

        mixed = []
        for begin in range(0, n_queries, block):
            end = min(begin + block, n_queries)
            # Of several parts of a row the last sees the most keys, and all take as long as it.
            stop = length - n_queries + end
            looped = begin + (end - begin) // BLOCK * BLOCK if block > LARGEST_BLOCK else begin
            for attend, of in (
                (attend_in_loop, slice(begin, looped)),
                (attend_part, slice(looped, end)),
            ):
                if of.start < of.stop:
                    segments_Q = None if query_segments_T is None else query_segments_T[of]
                    mixed.append(attend(first + of.start, query_TNH[of], segments_Q, stop=stop))
        return jnp.concatenate(mixed)

    rows = (query_BTNH, key_BTKH, value_BTKH, *segments)
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


def _at_least_0(place):
    return max(place, 0) if isinstance(place, int) else jnp.maximum(place, 0)


def _cut(x, start, count):
    if isinstance(start, int):
        return x[start : start + count]
    return jax.lax.dynamic_slice_in_dim(x, start, count)
