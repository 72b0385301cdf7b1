"""The decoder against an independent reference, and the properties that every family shares."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference_decoder
import tiny_decoders as tiny

from prm_jax.errors import InputError
from prm_jax.models import PRESETS, Decoder, DecoderConfig, Rope, init_params, resegment

pytestmark = pytest.mark.slow

FAMILIES = pytest.mark.parametrize("name", tiny.FAMILIES)
PACKED = (2, 24)
"""Rows and tokens of packed batches: one program for all tests."""
WHOLE = (5, 12)
"""The same for rows of one segment each."""


@pytest.mark.parametrize("name", tiny.CONFIGS)
def test_logits_equal_those_of_a_plain_numpy_decoder(name):
    tokens = tiny.tokens(1, 20)
    params = tiny.params_of(name)
    got = tiny.compiled(name, logits=True)(params, tokens, None, None)[0]
    expected = reference_decoder.logits(tiny.CONFIGS[name], params, tokens[0])
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(got, expected, rtol=0, atol=5e-5)


@FAMILIES
def test_a_hidden_state_depends_on_no_later_token_and_on_every_earlier_one(name):
    # Token i has id i, so the gradient of one table row is that of one place in the sequence.
    length, at, params = 12, 6, tiny.params_of(name)
    tokens = jnp.arange(length)[None]

    def states(embedding):
        hidden = tiny.compiled(name)(
            params | {"embed": {"embedding": embedding}}, tokens, None, None
        )
        return hidden[0, at].sum()

    gradient = np.asarray(jax.jit(jax.grad(states))(params["embed"]["embedding"]))
    assert (gradient[at + 1 :] == 0).all()
    assert (np.abs(gradient[: at + 1]).max(axis=1) > 0).all()


@pytest.mark.parametrize("attention", ["xla", "blockwise"])
def test_a_sliding_layer_sees_exactly_its_window(attention):
    window, at = 8, 15
    config = DecoderConfig(
        **{**vars(PRESETS["tiny-mistral"]), "n_layers": 1, "layer_types": ("sliding",)}
    )
    params = init_params(jax.random.key(0), config)
    tokens = jnp.arange(20)[None]
    model = Decoder(config, attention=attention)

    def states(embedding):
        tree = {"params": params | {"embed": {"embedding": embedding}}}
        return model.apply(tree, tokens).hidden_BTD[0, at].sum()

    gradient = jax.jit(jax.grad(states))(params["embed"]["embedding"])
    gradient = np.abs(np.asarray(gradient)).max(axis=1)
    assert (np.flatnonzero(gradient) == np.arange(at - window + 1, at + 1)).all()


@FAMILIES
def test_a_packed_row_gives_the_numbers_of_its_rows_alone(name):
    # Two rows, cut at unlike places; alone each has what follows it, which it does not see.
    lengths, longest = ((12, 9), (3, 7, 11)), WHOLE[1]
    tokens, segment_ids = tiny.tokens(*PACKED), np.zeros(PACKED, np.int32)
    places = []
    for row, of in enumerate(lengths):
        ends = np.cumsum(of)
        segment_ids[row, : ends[-1]] = np.repeat(np.arange(len(of)) + 1, of)
        places += [(row, end - length, end) for length, end in zip(of, ends)]
    packed = tiny.hidden(name, tokens, segment_ids=segment_ids)
    rows = np.pad(tokens, ((0, 0), (0, longest)))
    rows = np.stack([rows[row, start : start + longest] for row, start, _ in places])
    assert rows.shape == WHOLE
    for (row, start, end), alone in zip(places, tiny.hidden(name, rows), strict=True):
        np.testing.assert_allclose(packed[row, start:end], alone[: end - start], rtol=0, atol=1e-5)
    assert np.isfinite(packed).all(), "padding must not become NaN"


@pytest.mark.parametrize("kind", ["longrope", "dynamic"])
def test_frequencies_of_a_packed_sequence_follow_its_own_length(kind):
    # The first is beyond the original context of 16, the second is not; the row is either way.
    rope = PRESETS["tiny-phi3"].rope
    if kind == "dynamic":
        rope = Rope(kind="dynamic", factor=2.0, original_max_position=16)
    config = dataclasses.replace(PRESETS["tiny-phi3"], rope=rope, n_layers=1)
    params = init_params(jax.random.key(0), config)
    run = jax.jit(lambda *inputs: Decoder(config).apply({"params": params}, *inputs).hidden_BTD)
    tokens = tiny.tokens(1, 32)
    packed = run(tokens, None, np.repeat([1, 2, 0], [20, 9, 3])[None])[0]
    long = run(tokens[:, :20])[0]
    np.testing.assert_allclose(packed[:20], long, rtol=0, atol=1e-5)
    short = run(tokens[:, 20:29])[0]
    np.testing.assert_allclose(packed[20:29], short, rtol=0, atol=1e-5)
    same_tokens_cut = run(tokens[:, :16])[0]
    assert np.abs(same_tokens_cut - long[:16]).max() > 1e-3, "the length must matter"


@FAMILIES
def test_what_is_in_the_padding_changes_nothing(name):
    tokens, segment_ids = tiny.tokens(*PACKED), np.ones(PACKED, np.int32)
    segment_ids[0, 16:] = segment_ids[1, 11:] = 0
    other = np.where(segment_ids == 0, 95 - tokens, tokens)
    first = tiny.hidden(name, tokens, segment_ids=segment_ids)
    second = tiny.hidden(name, other, segment_ids=segment_ids)
    np.testing.assert_array_equal(first[segment_ids == 1], second[segment_ids == 1])


def test_gradients_are_finite_with_a_row_of_padding_only():
    segment_ids = jnp.asarray([[1] * 10, [0] * 10])

    def loss(params):
        return tiny.compiled("tiny-gemma2")(params, tiny.tokens(2, 10), None, segment_ids)[0].sum()

    gradient = jax.jit(jax.grad(loss))(tiny.params_of("tiny-gemma2"))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_positions_restart_in_each_segment_unless_given():
    tokens = tiny.tokens(1, 10)
    segment_ids = np.asarray([[1] * 6 + [2] * 4], np.int32)
    restarting = np.asarray([[0, 1, 2, 3, 4, 5, 0, 1, 2, 3]], np.int32)
    default = tiny.hidden("tiny-llama", tokens, segment_ids=segment_ids)
    given = tiny.hidden("tiny-llama", tokens, restarting, segment_ids)
    np.testing.assert_array_equal(default, given)
    stretched = tiny.hidden("tiny-llama", tokens, 3 * restarting, segment_ids)
    assert np.abs(stretched - default).max() > 1e-2


def test_only_distances_between_positions_matter():
    tokens, positions = tiny.tokens(1, 10), np.arange(10, dtype=np.int32)[None]
    near = tiny.hidden("tiny-qwen3", tokens, positions)
    far = tiny.hidden("tiny-qwen3", tokens, positions + 100)
    np.testing.assert_allclose(near, far, rtol=0, atol=1e-4)


def test_segments_of_layers_give_exactly_the_numbers_of_one_stack():
    # Segments of one layer are compiled without a loop and may round differently.
    tokens = tiny.tokens(2, 12)
    split = resegment(tiny.params_of("deep"), (4, 2))
    assert {"layers_0", "layers_4"} <= set(split)
    np.testing.assert_array_equal(
        tiny.hidden("deep", tokens, params=split, segments=(4, 2)), tiny.hidden("deep", tokens)
    )


def test_the_backward_pass_ends_at_the_frozen_layers():
    config = PRESETS["tiny-llama"]
    model, params = (
        Decoder(config, segments=(1, 1)),
        resegment(tiny.params_of("tiny-llama"), (1, 1)),
    )
    tokens = jnp.asarray(tiny.tokens(2, 12))

    def loss(upper, lower):
        return model.apply({"params": lower | upper}, tokens).hidden_BTD.sum()

    def layer_scans(trained):
        upper = {name: params[name] for name in trained}
        jaxpr = jax.make_jaxpr(jax.grad(loss))(upper, params)
        scans = [eqn for eqn in jaxpr.eqns if eqn.primitive.name == "scan"]
        return sum(eqn.params["reverse"] for eqn in scans), len(scans)

    assert layer_scans(["layers_1"]) == (1, 3)
    assert layer_scans(["layers_0", "layers_1"]) == (2, 4)


@pytest.mark.parametrize("remat", ["full", "dots"])
def test_rematerialisation_changes_no_gradient(remat):
    tokens = tiny.tokens(2, 12)

    def gradient(remat):
        run = tiny.compiled("tiny-gemma2", remat=remat)
        gradient = jax.grad(lambda params: (run(params, tokens, None, None) ** 2).sum())
        return jax.tree.leaves(jax.jit(gradient)(tiny.params_of("tiny-gemma2")))

    for got, expected in zip(gradient(remat), gradient("none"), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_dots_keeps_what_attention_gives():
    config, tokens = PRESETS["tiny-llama"], tiny.tokens(2, 12)

    def kept(remat):
        run = Decoder(config, remat=remat, attention="xla")

        def loss(params):
            return (run.apply({"params": params}, tokens).hidden_BTD ** 2).sum()

        jaxpr = jax.make_jaxpr(jax.grad(loss))(tiny.params_of("tiny-llama"))
        forward, _ = (eqn for eqn in jaxpr.eqns if eqn.primitive.name == "scan")
        shapes = [x.aval.shape for x in forward.outvars]
        return shapes.count((config.n_layers, 2, 12, config.n_heads, config.head_dim))

    assert (kept("full"), kept("dots")) == (0, 1)


@FAMILIES
def test_bfloat16_is_close_to_float32(name):
    tokens = tiny.tokens(*WHOLE)
    half = tiny.hidden(name, tokens, dtype="bfloat16")
    full = tiny.hidden(name, tokens)
    assert half.dtype == jnp.bfloat16
    error = np.abs(half.astype(np.float32) - full).mean() / np.abs(full).mean()
    assert 1e-4 < error < 3e-2


def test_logits_come_only_when_asked_for_and_in_float32():
    model = Decoder(PRESETS["tiny-llama"], dtype="bfloat16")
    params = {"params": tiny.params_of("tiny-llama")}

    def run(logits):
        return jax.eval_shape(lambda p: model.apply(p, tiny.tokens(1, 4), logits=logits), params)

    assert run(False).logits_BTV is None and run(False).hidden_BTD.dtype == jnp.bfloat16
    assert run(True).logits_BTV.dtype == jnp.float32


def test_head_and_adapters_in_the_tree_do_not_disturb_the_decoder():
    params = tiny.params_of("tiny-llama")
    crowded = params | {"head": {"kernel": jnp.ones((32, 2))}, "lora": {"layers_0": {}}}
    np.testing.assert_array_equal(
        tiny.hidden("tiny-llama", tiny.tokens(1, 5), params=crowded),
        tiny.hidden("tiny-llama", tiny.tokens(1, 5)),
    )


def test_gemma_rounds_its_embedding_factor_to_the_compute_dtype():
    config = PRESETS["tiny-gemma2"]
    params = tiny.params_of("tiny-gemma2")
    silent = jax.tree.map(np.zeros_like, params) | {"embed": params["embed"]}
    layers = jax.tree.map(lambda x: -np.ones_like(x), params["layers_0"])  # they add nothing
    silent["layers_0"] = layers
    got = tiny.hidden("tiny-gemma2", [[7]], params=silent, dtype="bfloat16")
    row = params["embed"]["embedding"][7].astype(jnp.bfloat16)
    scaled = (row * jnp.bfloat16(5.65625)).astype(jnp.float32)  # sqrt(32) = 5.65685...
    normed = scaled / jnp.sqrt(jnp.mean(scaled**2) + config.norm_eps)
    np.testing.assert_array_equal(got[0, 0], normed.astype(jnp.bfloat16))


def test_a_token_outside_the_vocabulary_gives_nan():
    assert np.isnan(tiny.hidden("tiny-llama", [[3, 256]])[0, 1]).all()


@pytest.mark.parametrize(
    "fields, words",
    [
        (dict(segments=(1, 2)), "do not add up to 2 layers"),
        (dict(segments=(2, 0)), "do not add up"),
        (dict(remat="some"), "known are none, full, dots"),
        (dict(dtype="float16"), "known are float32, bfloat16"),
        (dict(attention="flash"), "known are auto"),
    ],
)
def test_fields_that_do_not_fit_are_refused_in_one_line(fields, words):
    model = Decoder(PRESETS["tiny-llama"], **fields)
    with pytest.raises(InputError, match=words):
        model.apply({"params": tiny.params_of("tiny-llama")}, tiny.tokens(1, 4))
