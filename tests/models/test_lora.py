"""Adapters: they begin as nothing, and merged they are the factored layer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_decoders as tiny

from prm_jax.errors import InputError
from prm_jax.models import PRESETS, Decoder, from_paths, init_lora, merge_lora, paths, resegment
from prm_jax.models.lora import DEFAULT_TARGETS

RANK, ALPHA = 3, 6.0


def trained(params, targets=DEFAULT_TARGETS):
    """Adapters whose B is no longer zero."""
    lora = init_lora(jax.random.key(2), params, RANK, ALPHA, targets)
    flat = paths(lora)
    for path in flat:
        if path.endswith("/b"):
            flat[path] = jax.random.normal(jax.random.key(len(path)), flat[path].shape) / 10
    return from_paths(flat)


def test_fresh_adapters_change_nothing():
    params = tiny.params_of("tiny-llama")
    lora = init_lora(jax.random.key(0), params, RANK, ALPHA)
    merged = merge_lora(params, lora)
    assert jax.tree.structure(merged) == jax.tree.structure(params)
    for got, expected in zip(jax.tree.leaves(merged), jax.tree.leaves(params)):
        np.testing.assert_array_equal(got, expected)
    a = paths(lora)["layers_0/attn/q/kernel/a"]
    assert a.shape == (2, 32, RANK) and (np.abs(a) > 0).all()


@pytest.mark.parametrize(
    "path, equation, shape",
    [
        ("attn/q/kernel", "BI,INH->BNH", (32,)),
        ("attn/v/kernel", "BI,IKH->BKH", (32,)),
        ("attn/o/kernel", "BNH,NHD->BD", (4, 8)),
        ("mlp/down/kernel", "BF,FD->BD", (64,)),
    ],
)
def test_a_merged_kernel_acts_like_the_kernel_plus_the_two_factors(path, equation, shape):
    params, path = tiny.params_of("tiny-llama"), f"layers_0/{path}"
    lora = trained(params)
    x = np.random.default_rng(0).normal(size=(5, *shape)).astype(np.float32)
    for layer in range(2):
        kernel = np.asarray(paths(params)[path])[layer]
        a, b = (np.asarray(paths(lora)[f"{path}/{name}"])[layer] for name in "ab")
        plain = np.einsum(equation, x, kernel)
        factored = plain.reshape(5, -1) + ALPHA / RANK * (x.reshape(5, -1) @ a @ b)
        merged = np.asarray(paths(merge_lora(params, lora))[path])[layer]
        got = np.einsum(equation, x, merged).reshape(5, -1)
        np.testing.assert_allclose(got, factored, rtol=0, atol=1e-4)
        assert np.abs(factored - plain.reshape(5, -1)).max() > 0.1


def test_only_the_targets_are_adapted():
    params = tiny.params_of("tiny-llama")
    lora = init_lora(jax.random.key(0), params, RANK, ALPHA, targets=["attn/[qv]/kernel"])
    adapted = {path.rsplit("/", 1)[0] for path in paths(lora)}
    assert adapted == {"layers_0/attn/q/kernel", "layers_0/attn/v/kernel"}


def test_gradients_reach_the_factors_and_not_the_scale():
    params = resegment(tiny.params_of("tiny-llama"), (1, 1))
    lora = trained(params, targets=["layers_1/attn/q"])
    model = Decoder(PRESETS["tiny-llama"], segments=(1, 1))
    tokens = jnp.asarray(tiny.tokens(1, 6))

    def loss(lora):
        return (model.apply({"params": merge_lora(params, lora)}, tokens).hidden_BTD ** 3).sum()

    gradient = paths(jax.grad(loss)(lora))
    for name, moves in (("a", True), ("b", True), ("scale", False)):
        assert (np.abs(gradient[f"layers_1/attn/q/kernel/{name}"]).max() > 0) == moves


def test_adapters_are_regrouped_with_their_layers():
    params = tiny.params_of("deep")
    lora = trained(params)
    split = resegment({**params, "lora": lora}, (4, 2))
    adapters = split.pop("lora")
    whole = paths(resegment(merge_lora(split, adapters), ()))
    for path, expected in paths(merge_lora(params, lora)).items():
        np.testing.assert_array_equal(whole[path], expected, err_msg=path)
    upper_only = {"layers_4": adapters["layers_4"]}
    with pytest.raises(InputError, match="merge them first"):
        resegment({**split, "lora": upper_only}, ())
    with pytest.raises(InputError, match="fits no parameter"):
        merge_lora(params, upper_only)


@pytest.mark.parametrize(
    "rank, targets, words",
    [
        (0, ["attn/q"], "rank 0"),
        (2, ["attn/z"], "matches no parameter"),
        (2, ["embed"], "no layer kernel"),
    ],
)
def test_impossible_adapters_are_refused(rank, targets, words):
    with pytest.raises(InputError, match=words):
        init_lora(jax.random.key(0), tiny.params_of("tiny-llama"), rank, 1.0, targets)
