"""The gated delta rule in chunks against one token at a time, and what linear layers cannot do."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_decoders as tiny

from prm_jax.errors import InputError
from prm_jax.models import PRESETS, Decoder, HeadConfig, make_mesh, resegment
from prm_jax.models.attention_features import n_features
from prm_jax.models.linear_attention import gated_delta_rule, runs
from prm_jax.records import Trajectory
from prm_jax.scoring import score
from prm_jax.text.convention import CONVENTIONS
from prm_jax.train.backbone import byte_tokenizer, keep_layers, whole_periods

PRESET = PRESETS["tiny-qwen3_5"]
# Over a chunk and no multiple of one; segments end within a chunk, at its end, after one token.
LENGTHS = (50, 14, 1, 65)


def inputs(seed=0):
    """Queries, keys, values, logarithms of decays and rates of a row of all segments."""
    random, T, J = np.random.default_rng(seed), sum(LENGTHS), 3
    query, key = random.normal(size=(2, 1, T, J, 8))
    key /= np.linalg.norm(key, axis=-1, keepdims=True)
    value = random.normal(size=(1, T, J, 5))
    # One head forgets in a token, one hardly ever.
    log_decay = -random.uniform(0, 1, (1, T, J)) * np.array([80.0, 0.3, 0.002])
    rate = random.uniform(0, 1, (1, T, J))
    return tuple(jnp.asarray(x, jnp.float32) for x in (query, key, value, log_decay, rate))


def one_by_one(query, key, value, log_decay, rate, runs_BT):
    """The rule as it is written down, token by token."""

    def step(carried, token):
        state_BJAV, run_B = carried
        q, k, v, a, b, run = token
        state_BJAV = jnp.where(run == run_B, 1, 0)[:, None, None, None] * state_BJAV
        state_BJAV = jnp.exp(a)[..., None, None] * state_BJAV
        new = b[..., None] * (v - jnp.einsum("BJA,BJAV->BJV", k, state_BJAV))
        state_BJAV = state_BJAV + k[..., None] * new[:, :, None]
        return (state_BJAV, run), jnp.einsum("BJA,BJAV->BJV", q, state_BJAV)

    (B, _, J, A), V = key.shape, value.shape[-1]
    start = jnp.zeros((B, J, A, V)), runs_BT[:, 0]
    tokens = (query, key, value, log_decay, rate, runs_BT)
    _, read = jax.lax.scan(step, start, jax.tree.map(lambda x: jnp.moveaxis(x, 1, 0), tokens))
    return jnp.moveaxis(read, 0, 1)


def segments():
    return runs((1, sum(LENGTHS)), jnp.asarray(np.repeat([1, 2, 7, 2], LENGTHS))[None])


def test_chunks_give_the_values_and_gradients_of_one_token_at_a_time():
    weights = jnp.asarray(np.random.default_rng(1).normal(size=(1, sum(LENGTHS), 3, 5)))

    def both(rule):
        def loss(arrays):
            read = rule(*arrays, segments())
            return (weights * read).sum(), read

        return jax.jit(jax.grad(loss, has_aux=True))(inputs())

    (gradients, read), (expected_gradients, expected) = both(gated_delta_rule), both(one_by_one)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(read, expected, rtol=0, atol=1e-5)
    for got, wanted in zip(gradients, expected_gradients, strict=True):
        assert np.isfinite(got).all() and np.abs(wanted).max() > 1e-2
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=3e-5 * np.abs(wanted).max())


def test_a_segment_keeps_its_digits_beside_one_that_forgets_everything():
    # Its decays, with a running sum of the row's, would be differences of large numbers.
    query, key, value, log_decay, rate = inputs()
    strong = log_decay.at[:, : LENGTHS[0]].set(-1e4)
    read = jax.jit(gated_delta_rule)(query, key, value, strong, rate, segments())
    expected = jax.jit(one_by_one)(query, key, value, log_decay, rate, segments())
    np.testing.assert_allclose(read[:, LENGTHS[0] :], expected[:, LENGTHS[0] :], rtol=0, atol=1e-5)


def test_a_long_row_gives_the_numbers_of_its_segments_alone():
    tokens = tiny.tokens(1, sum(LENGTHS))
    ids = np.repeat([1, 2, 3, 4], LENGTHS)[None].astype(np.int32)
    packed = tiny.hidden("tiny-qwen3_5", tokens, segment_ids=ids)[0]
    alone = tiny.hidden("tiny-qwen3_5", tokens[:, : LENGTHS[0]])[0]
    np.testing.assert_allclose(packed[: LENGTHS[0]], alone, rtol=0, atol=5e-5)
    alone = tiny.hidden("tiny-qwen3_5", tokens[:, -LENGTHS[-1] :])[0]
    np.testing.assert_allclose(packed[-LENGTHS[-1] :], alone, rtol=0, atol=5e-5)


def test_layers_are_grouped_by_whole_periods():
    tokens, params = tiny.tokens(1, 12), tiny.params_of("tiny-qwen3_5")
    split = resegment(params, (1, 1))
    np.testing.assert_allclose(
        tiny.hidden("tiny-qwen3_5", tokens, params=split, segments=(1, 1)),
        tiny.hidden("tiny-qwen3_5", tokens),
        rtol=0,
        atol=1e-5,
    )
    model, kept = keep_layers(2, Decoder(PRESET), params)
    assert (model.config.n_layers, model.config.period) == (2, 2)
    lower = model.apply({"params": kept}, tokens).lower_BTD
    below = Decoder(PRESET, segments=(1, 1)).apply({"params": split}, tokens).lower_BTD
    np.testing.assert_allclose(lower, below, rtol=0, atol=1e-5)
    with pytest.raises(InputError, match="keep_layers.*3 is not a multiple of 2.*choose 2 or 4"):
        keep_layers(3, Decoder(PRESET), params)
    with pytest.raises(InputError, match="train_layers"):
        whole_periods(1, PRESET, "model.train_layers")


@pytest.mark.parametrize(
    ("types", "period"),
    [
        (("linear", "full") * 2, 2),
        (("linear",) * 4, 1),
        (("linear", "linear", "full", "linear"), 4),
    ],
    ids=str,
)
def test_the_period_is_the_shortest(types, period):
    assert dataclasses.replace(PRESET, layer_types=types).period == period


def test_shared_prefixes_are_refused():
    tokenizer = byte_tokenizer()
    tokenizer.convention = CONVENTIONS["trl"]
    head = HeadConfig("scalar")
    model, params = Decoder(PRESET, head), tiny.params_of("tiny-qwen3_5", head)
    trajectories = [Trajectory("1 + 1", ("a", step)) for step in "bc"]
    with pytest.raises(InputError, match="share_prefixes.*cannot share; leave it out"):
        score(model, params, tokenizer, trajectories, share_prefixes=True)


def test_attention_features_are_refused():
    with pytest.raises(InputError, match="no attention weights.*such as Qwen3"):
        n_features(PRESET)


def test_rows_are_not_split():
    tokens, params = tiny.tokens(1, 8), tiny.params_of("tiny-qwen3_5")
    with jax.set_mesh(make_mesh(data=4, sequence=2)):
        with pytest.raises(InputError, match="mesh.sequence.*set it to 1"):
            Decoder(PRESET).apply({"params": params}, tokens)


def test_other_families_have_no_linear_layers():
    with pytest.raises(InputError, match="layer_types.*not supported in family 'qwen3'"):
        dataclasses.replace(PRESETS["tiny-qwen3"], layer_types=("linear", "full"))
