"""What a frozen decoder gives away about its certainty, token by token.

    attention       weights of a token on itself and on the tokens just before it, of every layer
                    and head
    probabilities   the largest probabilities of the distribution that the token was drawn from

These are the features of UHead (arXiv:2511.06209; the released code is that of the claim-level
paper). Fused attention gives no weights, so the decoder keeps each layer's rotated queries and keys
where it is asked to (`mutable`), and the weights are computed from them a layer, a row and a block
of queries at a time. Running the layers again from the parameters instead would write the decoder
down twice.
"""

import math

import chex
import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.errors import InputError
from prm_jax.models.decoder import INTERMEDIATES
from prm_jax.models.tree import segments_of
from prm_jax.models.visibility import visible
from prm_jax.models.vocabulary import require_unembedding, unembedding, vocabulary_logits

HISTORY = 3
TOP_K = 4
QUERIES, TOKENS = 128, 128
"""Queries whose weights on all keys, and tokens whose vocabulary logits, are held at once."""


def n_features(config, history: int = HISTORY, top_k: int = TOP_K) -> int:
    """F, the features of a token: attention by layer, head and distance, then probabilities.

    Raises:
        InputError: the model has layers without attention weights.
    """
    if config.has_linear:
        raise InputError(
            "linear attention layers have no attention weights to make features of",
            field="model",
            remedy="use a model whose layers all have attention, such as Qwen3",
        )
    return config.n_layers * config.n_heads * history + top_k


def token_features(model, params, batch, *, history: int = HISTORY, top_k: int = TOP_K):
    """Features of every token of a packed batch.

    Args:
        model: `Decoder`.
        params: its parameters, grouped as the model's segments are.
        batch: `tokens`, `positions`, `segment_ids` i32[B,T].
        history: tokens whose weight counts, the token itself included.
        top_k: largest probabilities kept.

    Returns:
        f32[B,T,F]; a weight on what the token does not see is 0, and so are the probabilities of a
        segment's first token, which nothing predicts. Padding has numbers without meaning.
    """
    arrays = tuple(batch[name] for name in ("tokens", "positions", "segment_ids"))
    chex.assert_equal_shape(arrays)
    output, kept = model.apply({"params": params}, *arrays, mutable=[INTERMEDIATES])
    recent_BTF = _recent_attention(model.config, kept[INTERMEDIATES], arrays[2], history, params)
    top_BTk = _top_probabilities(model, params, output.hidden_BTD, top_k)
    segments_BT = arrays[2]
    follows_BT = jnp.pad(segments_BT[:, 1:] == segments_BT[:, :-1], ((0, 0), (1, 0)))
    before_BTk = jnp.pad(top_BTk[:, :-1], ((0, 0), (1, 0), (0, 0)))
    return jnp.concatenate([recent_BTF, jnp.where(follows_BT[..., None], before_BTk, 0)], axis=-1)


def _recent_attention(config, kept, segment_ids_BT, history, params):
    """f32[B,T,L*N*history] from the queries and keys that each group of layers kept."""
    firsts = np.cumsum([0, *segments_of(params)[:-1]])
    groups = [kept[f"layers_{first}"]["attn"] for first in firsts]
    query_LBTNH, key_LBTKH = (
        jnp.concatenate([group[name][0] for group in groups]) for name in ("query", "key")
    )
    length = segment_ids_BT.shape[1]
    reach_L = jnp.array(
        [config.sliding_window if slides else length for slides in config.sliding_layers]
    )
    options = dict(
        history=history,
        scale=config.query_scale or 1 / math.sqrt(config.head_dim),
        softcap=config.attention_softcap,
    )

    def layer(inputs):
        query_BTNH, key_BTKH, reach = inputs

        def of_row(row):
            query_TNH, key_TKH, segments_T = row
            return recent_weights(query_TNH, key_TKH, segments_T, reach, **options)

        return jax.lax.map(of_row, (query_BTNH, key_BTKH, segment_ids_BT))

    recent_LBTNW = jax.lax.map(layer, (query_LBTNH, key_LBTKH, reach_L))
    return jnp.moveaxis(recent_LBTNW, 0, 2).reshape(*segment_ids_BT.shape, -1)


def recent_weights(query_TNH, key_TKH, segments_T, reach, *, history, scale, softcap=None):
    """Attention weights of each token of a row on itself and on those just before it.

    Args:
        query_TNH, key_TKH: float arrays, rotated.
        segments_T: i32[T].
        reach: i32[], tokens that a query sees in its layer, itself included.
        history: W, number of weights.
        scale, softcap: as in `models.attention.attend`.

    Returns:
        f32[T,N,W] weights of a softmax over all that the token sees; 0 on what it does not.
    """
    T, N, H = query_TNH.shape
    K = key_TKH.shape[1]
    key_TKH = key_TKH.astype(jnp.float32)
    index_T = jnp.arange(T)

    def of_query(inputs):
        query_NH, index = inputs
        grouped_KGH = query_NH.astype(jnp.float32).reshape(K, N // K, H)
        scores_NT = scale * jnp.einsum("KGH,TKH->KGT", grouped_KGH, key_TKH).reshape(N, T)
        if softcap is not None:
            scores_NT = softcap * jnp.tanh(scores_NT / softcap)
        seen_T = visible(index[None], index_T, segments_T[index][None], segments_T, reach)[0]
        weights_NT = jax.nn.softmax(jnp.where(seen_T, scores_NT, -jnp.inf))
        place_W = index - jnp.arange(history)
        return jnp.where(place_W >= 0, weights_NT[:, place_W], 0)

    return jax.lax.map(of_query, (query_TNH, index_T), batch_size=QUERIES)


def _top_probabilities(model, params, hidden_BTD, top_k):
    """f32[B,T,k]: the largest next-token probabilities after each token, largest first."""
    require_unembedding(model.config, params)
    table_DV = unembedding(params, model.dtype)

    def of_token(hidden_D):
        logits_V = vocabulary_logits(model.config, table_DV, hidden_D)
        return jax.lax.top_k(jax.nn.softmax(logits_V), top_k)[0]

    B, T, D = hidden_BTD.shape
    flat = jax.lax.map(of_token, hidden_BTD.reshape(B * T, D), batch_size=TOKENS)
    return flat.reshape(B, T, top_k)
