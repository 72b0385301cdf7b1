"""Log-probabilities of tokens and steps: equal to a softmax over all logits, in any chunks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.models import PRESETS, Decoder, init_params
from prm_jax.models.vocabulary import next_token_log_probs, step_log_probs

RNG = np.random.default_rng(0)
TOKENS = jnp.int32(RNG.integers(0, 256, (3, 14)))
SEGMENTS = jnp.int32([[1] * 9 + [2] * 5, [1] * 14, [1] * 6 + [0] * 8])


def states_and_logits(preset):
    config = PRESETS[preset]
    params = init_params(jax.random.key(0), config)
    model = Decoder(config)
    out = model.apply({"params": params}, TOKENS, segment_ids=SEGMENTS, logits=True)
    return config, params, out.hidden_BTD, out.logits_BTV


@pytest.mark.parametrize("preset", ["tiny-llama", "tiny-gemma2"])
@pytest.mark.parametrize("chunk_tokens", [1, 12, 15, 1000])
def test_chunks_give_the_softmax_over_the_vocabulary(preset, chunk_tokens):
    config, params, hidden, logits = states_and_logits(preset)
    found = next_token_log_probs(
        config, params, hidden, TOKENS, SEGMENTS, chunk_tokens=chunk_tokens
    )
    logits = np.asarray(logits, np.float64)
    all_BTV = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    for row in range(3):
        for t in range(14):
            last = t == 13 or SEGMENTS[row, t] != SEGMENTS[row, t + 1]
            expected = 0.0 if last else all_BTV[row, t, TOKENS[row, t + 1]]
            np.testing.assert_allclose(found[row, t], expected, atol=2e-5)


def test_the_gradient_does_not_depend_on_the_chunks():
    config, params, hidden, _ = states_and_logits("tiny-llama")

    def total(hidden, chunk_tokens):
        return next_token_log_probs(
            config, params, hidden, TOKENS, SEGMENTS, chunk_tokens=chunk_tokens
        ).sum()

    whole, parts = (jax.grad(total)(hidden, chunk) for chunk in (1000, 6))
    assert np.abs(np.asarray(whole)).max() > 1e-3
    np.testing.assert_allclose(parts, whole, atol=1e-5)


def test_a_step_is_the_sum_over_its_own_tokens_given_those_before():
    log_probs = jnp.float32(RNG.normal(size=(1, 8)))
    starts, positions = jnp.array([[0, 3, 5]]), jnp.array([[2, 4, 7]])
    found = step_log_probs(log_probs, starts, positions)
    # Token t is predicted at t - 1; nothing predicts the first one.
    x = np.asarray(log_probs[0])
    np.testing.assert_allclose(found[0], [x[:2].sum(), x[2:4].sum(), x[4:7].sum()], rtol=1e-5)
