"""Which tokens a token may attend to."""

import jax.numpy as jnp


def reach_of(windows, kind, length):
    """How many tokens a query sees in a layer, itself included: i32[].

    Args:
        windows: number of tokens for each kind of layer; None is all.
        kind: i32[], the layer's kind.
        length: T.
    """
    return jnp.asarray([window or length for window in windows], jnp.int32)[kind]


def visible(query_index_Q, key_index_K, query_segments, key_segments, reach):
    """Which keys each query may see: not later ones, its own segment, and its window.

    A segment's tokens are contiguous, so distance in the row is distance in the segment.

    Args:
        query_index_Q, key_index_K: i32[Q], i32[K] places in the row.
        query_segments, key_segments: i32[...,Q], i32[...,K]; None is one segment.
        reach: i32[], as `reach_of` gives it.

    Returns:
        bool[...,Q,K].
    """
    distance_QK = query_index_Q[:, None] - key_index_K[None, :]
    seen = (distance_QK >= 0) & (distance_QK < reach)
    if query_segments is not None:
        seen = seen & (query_segments[..., :, None] == key_segments[..., None, :])
    return seen


def visible_in_trees(query_index_Q, key_index_K, key_end_K, query_depth_Q, key_depth_K, reach):
    """Which keys each query may see in trees of tokens: itself and its ancestors in its window.

    In depth-first order the descendants of a key are the places after it up to its end. Distance
    is counted along the path from the root, not in the row.

    Args:
        query_index_Q, key_index_K: i32[Q], i32[K] places in the row.
        key_end_K: i32[K] the place after each key's last descendant.
        query_depth_Q, key_depth_K: i32[Q], i32[K] depths in the tree.
        reach: i32[], as `reach_of` gives it.

    Returns:
        bool[Q,K].
    """
    query_index_Q1 = query_index_Q[:, None]
    descends_QK = (key_index_K <= query_index_Q1) & (query_index_Q1 < key_end_K)
    return descends_QK & (query_depth_Q[:, None] - key_depth_K < reach)
