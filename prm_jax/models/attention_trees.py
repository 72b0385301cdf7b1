"""Attention in rows that hold trees of tokens: a token sees itself and its ancestors.

Tokens stand in depth-first order, so the descendants of a token stand right after it. Of the keys
before a block of queries the block therefore sees the ancestors of its first token and no other.
They are gathered; a query costs the depth of its tree and a block, however long the row is.
"""

import functools

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.models.attention_blockwise import attend_block
from prm_jax.models.visibility import reach_of, visible_in_trees

STAGES = 4
"""Block by block, not all P ancestors are gathered but the quarters of P that are needed."""


@flax.struct.dataclass
class Trees:
    """Who descends from whom in the rows of a batch, as `data.prefix_trees` finds it.

    Fields:
        end_BT: i32[B,T] the place after a token's last descendant, or after itself if it has none.
        depth_BT: i32[B,T] number of each token's ancestors: its position.
        ancestors_BMP: i32[B,M,P] places of the ancestors of the first token of each of M blocks of
            T / M queries, filled up with T; P is a multiple of `STAGES`, or 0.
    """

    end_BT: jax.Array | np.ndarray
    depth_BT: jax.Array | np.ndarray
    ancestors_BMP: jax.Array | np.ndarray

    def specs(self, whole, by_tokens):
        """PartitionSpecs of a part of the row: its own blocks, and the ends and depths of all."""
        return Trees(whole, whole, by_tokens)


def attend_trees(
    query_BTNH,
    key_BTKH,
    value_BTKH,
    *,
    trees,
    windows,
    kind,
    scale,
    softcap,
    one_block_at_a_time,
    first=0,
):
    """Attention as `attention.attend` describes it, in trees instead of segments.

    Args:
        query_BTNH, key_BTKH, value_BTKH, windows, kind, scale, softcap: as in `attention.attend`;
            queries may be a part of the row.
        trees: `Trees`, with the ancestors of these queries; windows count by depth.
        one_block_at_a_time: loop over rows and blocks (CPU) instead of running them side by side.
        first: place in the row of the first query, an int or i32[].

    Returns:
        Array like `query_BTNH`.
    """
    length, n_queries = key_BTKH.shape[1], query_BTNH.shape[1]
    n_blocks, most = trees.ancestors_BMP.shape[1:]
    reach = reach_of(windows, kind, length)
    counts = [most * stage // STAGES for stage in range(STAGES + 1)] if most else [0]

    def attend_row(row):
        query_TNH, key_TKH, value_TKH, end_T, depth_T, ancestors_MP = row

        def attend_with(count, part):
            query_QNH, places_Q, ancestors_P = part
            keys_S = jnp.concatenate([ancestors_P[:count], places_Q])
            at_keys = functools.partial(jnp.take, indices=keys_S, axis=0, mode="clip")
            seen_QS = visible_in_trees(
                places_Q, keys_S, at_keys(end_T), depth_T[places_Q], at_keys(depth_T), reach
            )
            key_SKH, value_SKH = at_keys(key_TKH), at_keys(value_TKH)
            return attend_block(query_QNH, key_SKH, value_SKH, seen_QS, scale, softcap)

        def attend_needed(part):
            depth = depth_T[part[1][0]]
            stage = -(-depth * STAGES // max(most, 1))
            return jax.lax.switch(stage, [functools.partial(attend_with, n) for n in counts], part)

        query_MQNH = query_TNH.reshape(n_blocks, -1, *query_TNH.shape[1:])
        places_MQ = (first + jnp.arange(n_queries)).reshape(n_blocks, -1)
        parts = (query_MQNH, places_MQ, ancestors_MP)
        if one_block_at_a_time:
            mixed_MQNH = jax.lax.map(attend_needed, parts)
        else:
            mixed_MQNH = jax.vmap(functools.partial(attend_with, most))(parts)
        return mixed_MQNH.reshape(query_TNH.shape)

    of_trees = (trees.end_BT, trees.depth_BT, trees.ancestors_BMP)
    rows = (query_BTNH, key_BTKH, value_BTKH, *of_trees)
    return jax.lax.map(attend_row, rows) if one_block_at_a_time else jax.vmap(attend_row)(rows)
