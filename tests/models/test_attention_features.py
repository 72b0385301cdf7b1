"""Features of a frozen decoder against a plain numpy decoder, and that segments stay apart."""

import jax
import numpy as np
import pytest
import reference_decoder
import tiny_decoders as tiny

from prm_jax.errors import InputError
from prm_jax.models import Decoder, resegment
from prm_jax.models.attention_features import QUERIES, n_features, token_features

NAMES = pytest.mark.parametrize("name", ["tiny-gemma2", "deep", "biased"])


def features(name, tokens, segment_ids=None, positions=None, params=None, **options):
    """f32[B,T,F] of the tiny model `name`."""
    fields = {key: options.pop(key) for key in ("segments", "remat") if key in options}
    batch = {
        "tokens": tokens,
        "positions": np.broadcast_to(np.arange(tokens.shape[1], dtype=np.int32), tokens.shape),
        "segment_ids": np.ones_like(tokens),
    }
    if segment_ids is not None:
        batch |= {"segment_ids": segment_ids, "positions": positions}
    params = tiny.params_of(name) if params is None else params
    model = Decoder(tiny.CONFIGS[name], **fields)
    run = jax.jit(lambda params, batch: token_features(model, params, batch, **options))
    return np.asarray(run(params, batch))


def expected(name, tokens_T, history, top_k):
    """f64[T,F] by a loop over layers, heads and distances."""
    config, kept = tiny.CONFIGS[name], {}
    logits_TV = reference_decoder.logits(config, tiny.params_of(name), tokens_T, kept)
    odds_TV = np.exp(logits_TV - logits_TV.max(-1, keepdims=True))
    p_TV = odds_TV / odds_TV.sum(-1, keepdims=True)
    rows = []
    for t in range(len(tokens_T)):
        row = [
            kept.get((layer, head, t, t - back), 0.0)
            for layer in range(config.n_layers)
            for head in range(config.n_heads)
            for back in range(history)
        ]
        rows.append(row + (sorted(p_TV[t - 1])[::-1][:top_k] if t else [0.0] * top_k))
    return np.array(rows)


@NAMES
@pytest.mark.parametrize("history, top_k", [(3, 4), (12, 1)])
def test_features_are_those_of_a_numpy_softmax(name, history, top_k):
    tokens = tiny.tokens(1, 16)  # longer than the sliding window of 8
    found = features(name, tokens, history=history, top_k=top_k)[0]
    assert found.shape == (16, n_features(tiny.CONFIGS[name], history, top_k))
    np.testing.assert_allclose(found, expected(name, tokens[0], history, top_k), atol=1e-5)


@NAMES
def test_packed_segments_have_the_features_they_have_alone(name):
    first, second = tiny.tokens(1, 7), tiny.tokens(1, 11, seed=1)
    padding = np.zeros((1, 3), np.int32)
    tokens = np.concatenate([first, second, padding], axis=1)
    segments = np.repeat([[1, 2, 0]], [7, 11, 3], axis=1).astype(np.int32)
    positions = np.concatenate([np.arange(7), np.arange(11), np.arange(3)]).astype(np.int32)[None]
    packed = features(name, tokens, segments, positions)[0]
    np.testing.assert_allclose(packed[:7], features(name, first)[0], atol=1e-5)
    np.testing.assert_allclose(packed[7:18], features(name, second)[0], atol=1e-5)


def test_a_token_sees_no_later_one_and_no_other_segment():
    tokens = tiny.tokens(1, 18)
    segments = np.repeat([[1, 2]], [7, 11], axis=1).astype(np.int32)
    positions = np.concatenate([np.arange(7), np.arange(11)]).astype(np.int32)[None]
    before = features("deep", tokens, segments, positions)
    for changed, same in ((slice(0, 7), slice(7, 18)), (slice(12, 18), slice(0, 12))):
        other = tokens.copy()
        other[:, changed] = (other[:, changed] + 1) % 96
        after = features("deep", other, segments, positions)
        np.testing.assert_allclose(after[:, same], before[:, same], atol=1e-6)
        assert np.abs(after[:, changed] - before[:, changed]).max() > 1e-3


def test_grouped_and_recomputed_layers_give_the_same_features():
    tokens, plain = tiny.tokens(2, 12), tiny.params_of("deep")
    regrouped = resegment(plain, (4, 2))
    found = features("deep", tokens, params=regrouped, segments=(4, 2), remat="full")
    np.testing.assert_allclose(found, features("deep", tokens), atol=1e-6)


def test_a_row_of_more_queries_than_a_block_is_whole():
    tokens = tiny.tokens(1, QUERIES + 5)
    found = features("biased", tokens)[0]
    np.testing.assert_allclose(
        found[: QUERIES - 9], features("biased", tokens[:, :-14])[0], atol=1e-5
    )
    assert (found[1:, 0] > 0).all() and (found[1:, -1] > 0).all()


def test_a_model_without_an_unembedding_has_no_probabilities():
    tokens = tiny.tokens(1, 4)
    params = {key: leaf for key, leaf in tiny.params_of("tiny-llama").items() if key != "unembed"}
    with pytest.raises(InputError, match="no unembedding"):
        features("tiny-llama", tokens, params=params)
