"""Heads against numbers worked out in numpy."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_decoders as tiny

from prm_jax.errors import InputError
from prm_jax.models import HeadConfig, apply_head, gather_steps, init_head, step_logit

D = 6
H_BSD = np.random.default_rng(0).normal(size=(2, 3, D)).astype(np.float32)


def noisy(head):
    params = init_head(jax.random.key(0), head, D)
    return jax.tree.map(lambda x: x + np.linspace(-1, 1, x.size).reshape(x.shape), params)


@pytest.mark.parametrize(
    "head",
    [
        HeadConfig("scalar"),
        HeadConfig("scalar", bias=False),
        HeadConfig("linear", 2),
        HeadConfig("linear", 5, bias=False),
    ],
    ids=str,
)
def test_a_linear_head_is_a_matrix_and_perhaps_a_bias(head):
    params = noisy(head)
    assert ("bias" in params) == head.bias
    expected = H_BSD @ np.asarray(params["kernel"]) + np.asarray(params.get("bias", 0))
    got = apply_head(head, {"head": params}, jnp.asarray(H_BSD))
    assert got.shape == (2, 3, head.n_classes)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


def test_the_mlp_head_is_two_dense_layers_with_a_relu_between():
    head = HeadConfig("mlp", 2)
    params = noisy(head)
    hidden = H_BSD @ np.asarray(params["dense"]["kernel"]) + np.asarray(params["dense"]["bias"])
    assert (hidden < 0).any() and (hidden > 0).any()
    expected = np.maximum(hidden, 0) @ np.asarray(params["out"]["kernel"])
    expected = expected + np.asarray(params["out"]["bias"])
    got = apply_head(head, {"head": params}, jnp.asarray(H_BSD))
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["tiny-llama", "tiny-qwen2", "tiny-gemma2"])
def test_two_tokens_are_two_columns_of_the_vocabulary_logits(name):
    head = HeadConfig("two_token", positive_id=17, negative_id=5)
    assert init_head(jax.random.key(0), head, D) == {}
    params, tokens = tiny.params_of(name), tiny.tokens(2, 9)
    positions = jnp.asarray([[2, 8], [0, 5]])
    logits_BTV = tiny.compiled(name, logits=True)(params, tokens, None, None)
    h_BSD = gather_steps(jnp.asarray(tiny.hidden(name, tokens)), positions)
    got = apply_head(head, params, h_BSD, final_softcap=tiny.CONFIGS[name].final_softcap)
    expected = gather_steps(logits_BTV, positions)[..., jnp.asarray([5, 17])]
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(step_logit(head, got), got[..., 1] - got[..., 0])


def test_states_are_gathered_at_the_given_tokens():
    hidden_BTD = jnp.arange(2 * 4 * 3).reshape(2, 4, 3)
    got = gather_steps(hidden_BTD, jnp.asarray([[3, 0], [1, 1]]))
    np.testing.assert_array_equal(got, [[[9, 10, 11], [0, 1, 2]], [[15, 16, 17], [15, 16, 17]]])


def test_the_sigmoid_of_the_step_logit_is_the_probability_of_right():
    scalar = jnp.asarray([[[0.25], [-2.0]]])
    np.testing.assert_array_equal(step_logit(HeadConfig("scalar"), scalar), [[0.25, -2.0]])
    two = jnp.asarray([[[1.0, 3.0], [0.5, -0.5]]])  # class 1 is right
    softmax = np.exp(two[..., 1]) / np.exp(two).sum(-1)
    sigmoid = 1 / (1 + np.exp(-np.asarray(step_logit(HeadConfig("linear", 2), two))))
    np.testing.assert_allclose(sigmoid, softmax, rtol=1e-6)
    with pytest.raises(InputError, match="5 classes have no single step logit"):
        step_logit(HeadConfig("linear", 5), jnp.zeros((1, 1, 5)))


def test_head_logits_are_float32_whatever_the_states_are():
    head = HeadConfig("linear", 2)
    params = {"head": noisy(head)}
    half = jnp.asarray(H_BSD, jnp.bfloat16)
    got = apply_head(head, params, half)
    assert got.dtype == jnp.float32
    np.testing.assert_array_equal(got, apply_head(head, params, half.astype(jnp.float32)))


def test_a_fresh_head_is_small_and_has_zero_bias():
    params = init_head(jax.random.key(0), HeadConfig("linear", 4), 4096)
    assert 0.019 < np.std(params["kernel"]) < 0.021
    assert (params["bias"] == 0).all()


@pytest.mark.parametrize(
    "fields, words",
    [
        (dict(kind="cubic"), "known are scalar, linear"),
        (dict(kind="two_token", positive_id=3), "needs positive_id and negative_id"),
        (dict(kind="two_token", positive_id=3, negative_id=3), "the same token"),
        (dict(kind="linear", n_classes=0), "0 classes"),
    ],
)
def test_impossible_heads_are_refused(fields, words):
    with pytest.raises(InputError, match=words):
        HeadConfig(**fields)


def test_a_token_beyond_the_vocabulary_is_refused():
    head = HeadConfig("two_token", positive_id=256, negative_id=5)
    with pytest.raises(InputError, match="not in the vocabulary"):
        apply_head(head, tiny.params_of("tiny-llama"), jnp.zeros((1, 1, 32)))


def test_head_configs_are_hashable_and_comparable():
    head = HeadConfig("scalar", n_classes=7)
    assert head.n_classes == 1 and hash(head) == hash(dataclasses.replace(head))
