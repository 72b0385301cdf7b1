"""Log-probabilities of given tokens, without logits over the vocabulary for a whole batch."""

import functools

import chex
import jax
import jax.numpy as jnp

from prm_jax.errors import InputError
from prm_jax.models.constraints import sequence_shards

CHUNK_TOKENS = 1024


def unembedding(params, dtype):
    """The matrix [D,V] from states to vocabulary logits: the embedding's where it has none."""
    if "unembed" in params:
        return params["unembed"]["kernel"].astype(dtype)
    return params["embed"]["embedding"].T.astype(dtype)


def require_unembedding(config, params):
    """Raises `InputError` if a model has no unembedding, neither its own nor the embedding's.

    A classifier may be stored without the unembedding that it does not use.

    Args:
        config: DecoderConfig.
        params: the decoder's parameter tree.
    """
    if not config.tied and "unembed" not in params:
        raise InputError(
            "the weights hold no unembedding (lm_head.weight), so no token has a probability",
            field="model",
            remedy="score with the model's own head (discriminative), or give a language model",
        )


def vocabulary_logits(config, table_DV, hidden):
    """Vocabulary logits of states.

    Args:
        config: DecoderConfig.
        table_DV: from `unembedding`.
        hidden: float[...,D] states after the final norm.

    Returns:
        f32[...,V].
    """
    logits = jnp.einsum("...D,DV->...V", hidden, table_DV, preferred_element_type=jnp.float32)
    if config.final_softcap is None:
        return logits
    return config.final_softcap * jnp.tanh(logits / config.final_softcap)


def next_token_log_probs(
    config, params, hidden_BTD, tokens_BT, segment_ids_BT, *, chunk_tokens=CHUNK_TOKENS
):
    """What the decoder says of the token that follows each one.

    Vocabulary logits exist for about `chunk_tokens` tokens at a time, in the backward pass too,
    which computes them again.

    Args:
        config: DecoderConfig.
        params: the decoder's parameter tree: 'embed', and 'unembed' where it is not tied.
        hidden_BTD: float[B,T,D] states after the final norm.
        tokens_BT, segment_ids_BT: i32[B,T].
        chunk_tokens: tokens of all rows together whose logits are held at once; at least one
            column of the batch is, or of each part of it where the mesh splits rows.

    Returns:
        f32[B,T]: at t the log-probability in nats of token t + 1; 0 at the last token of a row or
        a segment, which nothing follows.
    """
    chex.assert_equal_shape_prefix([hidden_BTD, tokens_BT], 2)
    rows, length = tokens_BT.shape
    table_DV = unembedding(params, hidden_BTD.dtype)
    # A chunk has tokens of every part of a row, so that all devices work on each.
    parts = sequence_shards(length)
    part = length // parts
    columns = min(max(1, chunk_tokens // (rows * parts)), part)
    n_chunks = -(-part // columns)
    target_BT = jnp.pad(tokens_BT[:, 1:], ((0, 0), (0, 1)))

    def in_chunks(x_BTE):
        x = x_BTE.reshape(rows, parts, part, -1)
        x = jnp.pad(x, ((0, 0), (0, 0), (0, n_chunks * columns - part), (0, 0)))
        return jnp.moveaxis(x.reshape(rows, parts, n_chunks, columns, -1), 2, 0)

    @functools.partial(jax.checkpoint, prevent_cse=False)
    def log_probs(table_DV, h_BPCD, target_BPC1):
        logits_BPCV = vocabulary_logits(config, table_DV, h_BPCD)
        chosen_BPC1 = jnp.take_along_axis(logits_BPCV, target_BPC1, axis=-1)
        return chosen_BPC1[..., 0] - jax.nn.logsumexp(logits_BPCV, axis=-1)

    chunks = (in_chunks(hidden_BTD), in_chunks(target_BT))
    _, out = jax.lax.scan(lambda _, chunk: (None, log_probs(table_DV, *chunk)), None, chunks)
    out_BT = jnp.moveaxis(out, 0, 2).reshape(rows, parts, -1)[:, :, :part].reshape(rows, length)
    follows_BT = segment_ids_BT[:, 1:] == segment_ids_BT[:, :-1]
    return jnp.where(jnp.pad(follows_BT, ((0, 0), (0, 1))), out_BT, 0.0)


def step_log_probs(log_probs_BT, step_starts_BS, step_positions_BS):
    """Log-probability of each step's tokens given all before them.

    Args:
        log_probs_BT: f32[B,T] from `next_token_log_probs`.
        step_starts_BS, step_positions_BS: i32[B,S], first and last token of each step. The first
            token of a segment has nothing before it and counts 0.

    Returns:
        f32[B,S], the sum over the tokens from start to position, both included.
    """
    t_T = jnp.arange(log_probs_BT.shape[1])
    # Token t is predicted at t - 1.
    inside_BST = (t_T >= step_starts_BS[..., None] - 1) & (t_T < step_positions_BS[..., None])
    return jnp.einsum(
        "BST,BT->BS",
        inside_BST.astype(jnp.float32),
        log_probs_BT,
        precision=jax.lax.Precision.HIGHEST,
    )
