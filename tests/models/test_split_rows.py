"""Rows whose tokens are spread over the mesh axis 'sequence': the numbers of one device, keys and
values as the only exchange of a layer; and rows of 32,768 tokens."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
from tiny_decoders import CONFIGS, params_of

from prm_jax.errors import InputError
from prm_jax.models import (
    Decoder,
    attention_blockwise,
    attention_splash,
    check_row_length,
    make_mesh,
    resegment,
)
from prm_jax.models.attention import attend, choose
from prm_jax.models.attention_trees import Trees
from prm_jax.models.heads import gather_steps
from prm_jax.models.vocabulary import next_token_log_probs

LONG = 32_768
COLLECTIVES = r"(all-gather|all-reduce|reduce-scatter|all-to-all|collective-permute)(?:-start)?\("


def mesh_of(**axes):
    return make_mesh(**axes, devices=jax.devices()[: int(np.prod([*axes.values()]))])


def inputs(rows, length, width=8):
    generator = np.random.default_rng(0)
    query, key, value = (
        jnp.asarray(generator.normal(size=(rows, length, heads, width)), jnp.float32)
        for heads in (4, 2, 2)
    )
    # The second segment reaches over the middle of the row, the last one is padding.
    index = np.arange(length)
    segments = (1 + (index >= length // 3) + (index >= 3 * length // 4)) % 3
    return query, key, value, jnp.asarray(np.tile(segments, (rows, 1)), jnp.int32)


def values_and_gradients(mesh, query, key, value, segments, kind=0, **options):
    def loss(query, key, value):
        mixed = attend(query, key, value, segment_ids_BT=segments, kind=kind, scale=0.3, **options)
        return jnp.sum(mixed * jnp.sin(jnp.arange(mixed.size).reshape(mixed.shape))), mixed

    function = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True))
    if mesh is None:
        return function(query, key, value)
    with jax.set_mesh(mesh):
        (total, mixed), gradients = function(query, key, value)
    parts = mixed.sharding.shard_shape(mixed.shape)[1]
    assert parts == mixed.shape[1] // mesh.shape["sequence"]
    return (total, mixed), gradients


def assert_same(found, expected):
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        size = np.abs(other).max()
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * size)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks so small that short rows have several, and parts that are read in a loop."""
    monkeypatch.setattr(attention_blockwise, "BLOCK", 4)
    monkeypatch.setattr(attention_blockwise, "MAX_BLOCKS", 2)
    monkeypatch.setattr(attention_blockwise, "LARGEST_BLOCK", 4)


@pytest.mark.parametrize(
    "axes, implementation, windows, softcap",
    [
        (dict(sequence=4), "blockwise", (7,), None),
        (dict(fsdp=2, sequence=2, tensor=2), "blockwise", (None, 13), 0.7),
        (dict(data=2, sequence=2), "xla", (None, 13), None),
    ],
)
def test_attention_on_split_rows_equals_that_on_whole_ones(
    axes, implementation, windows, softcap, small_blocks
):
    options = dict(windows=windows, softcap=softcap, kind=len(windows) - 1)
    given = inputs(2, 64)
    expected = values_and_gradients(None, *given, implementation="xla", **options)
    found = values_and_gradients(mesh_of(**axes), *given, implementation=implementation, **options)
    assert_same(found, expected)


def test_a_block_that_is_read_in_a_loop_gives_what_it_gives_at_once(small_blocks):
    given = inputs(1, 46)  # two blocks of 23, which the loop does not fill
    found, expected = (
        values_and_gradients(None, *given, implementation=name, windows=(7,))
        for name in ("blockwise", "xla")
    )
    assert_same(found, expected)


def test_the_splash_kernel_knows_where_in_the_row_its_part_is():
    given = inputs(1, 256, width=128)
    found, expected = (
        values_and_gradients(mesh, *given, implementation=name, windows=(150,))
        for mesh, name in ((mesh_of(sequence=2), "splash"), (None, "xla"))
    )
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5 * np.abs(other).max())


@pytest.mark.parametrize("implementation, sequence", [("blockwise", 2), ("xla", 4)])
def test_trees_on_split_rows(implementation, sequence):
    # One chain of 8 tokens under which 4 chains of 2 stand, in blocks of 4 queries. Two parts of
    # two blocks, and four parts of one.
    end = np.array([[16] * 8 + [10, 10, 12, 12, 14, 14, 16, 16]], np.int32)
    depth = np.array([[*range(8), 8, 9, 8, 9, 8, 9, 8, 9]], np.int32)
    ancestors = np.full((1, 4, 8), 16, np.int32)
    for block in range(1, 4):
        ancestors[0, block, : min(4 * block, 8)] = range(min(4 * block, 8))
    trees = Trees(end, depth, ancestors)
    given = inputs(1, 16)[:3]
    options = dict(trees=trees, windows=(6,), scale=0.3, implementation=implementation)
    with jax.set_mesh(mesh_of(sequence=sequence)):
        found = jax.jit(functools.partial(attend, **options))(*given)
    assert found.sharding.shard_shape(found.shape)[1] == 16 // sequence
    assert_same(found, jax.jit(functools.partial(attend, **options))(*given))


def test_token_losses_and_states_at_steps_do_not_depend_on_the_split():
    config, params = CONFIGS["tiny-llama"], params_of("tiny-llama")
    generator = np.random.default_rng(1)
    hidden_BTD = jnp.asarray(generator.normal(size=(2, 40, config.d_model)), jnp.float32)
    tokens_BT = jnp.asarray(generator.integers(0, 96, (2, 40)), jnp.int32)
    segments_BT = jnp.asarray([[1] * 13 + [2] * 22 + [0] * 5, [1] * 40], jnp.int32)
    ends_BS = jnp.asarray([[12, 19, 20, 34], [0, 9, 10, 39]], jnp.int32)  # both sides of a cut

    def loss(hidden_BTD):
        given = (hidden_BTD, tokens_BT, segments_BT)
        log_probs_BT = next_token_log_probs(config, params, *given, chunk_tokens=24)
        h_BSD = gather_steps(hidden_BTD, ends_BS)
        return jnp.mean(log_probs_BT**2) + jnp.mean(h_BSD**3), (log_probs_BT, h_BSD)

    function = jax.jit(jax.value_and_grad(loss, has_aux=True))
    mesh = mesh_of(sequence=4)
    with jax.set_mesh(mesh):
        split_BTD = jax.device_put(hidden_BTD, NamedSharding(mesh, P(None, "sequence")))
        compiled = function.lower(split_BTD).compile()
        found = compiled(split_BTD)
    assert_same(found, function(hidden_BTD))
    whole = rf"f32\[2,40,{config.d_model}\]"
    assert not re.search(whole + r"\S* " + COLLECTIVES, compiled.as_text())


def test_keys_and_values_are_all_that_a_layer_exchanges():
    config, mesh = CONFIGS["tiny-llama"], mesh_of(sequence=4)
    model, params = Decoder(config, segments=(1, 1)), resegment(params_of("tiny-llama"), (1, 1))

    def loss(x_BTD):
        tokens_BT = jnp.zeros((2, 40), jnp.int32)
        return jnp.sum(model.apply({"params": params}, tokens_BT, lower_BTD=x_BTD).hidden_BTD ** 2)

    split = NamedSharding(mesh, P(None, "sequence"))
    x_BTD = jax.ShapeDtypeStruct((2, 40, config.d_model), jnp.float32, sharding=split)
    with jax.set_mesh(mesh):
        text = jax.jit(jax.grad(loss)).lower(x_BTD).compile().as_text()
    exchanges = re.findall(r"= (.*?) " + COLLECTIVES, text)
    heads = f"{config.n_kv_heads},{config.head_dim}"
    shapes = {"all-gather": f"f32[2,40,{heads}]", "reduce-scatter": f"f32[2,10,{heads}]"}
    assert {kind for _, kind in exchanges} == set(shapes)
    for shape, kind in exchanges:
        assert shape.count("f32[") == shape.count(shapes[kind]), (kind, shape)


def test_rows_of_32768_tokens_need_no_array_of_all_pairs(monkeypatch):
    monkeypatch.setattr(attention_blockwise, "MAX_BLOCKS", 1)  # compiles sooner
    config, params = CONFIGS["tiny-llama"], params_of("tiny-llama")
    assert choose("auto", "float32", config.head_dim, LONG, None) == "blockwise"

    def loss(params, tokens_BT, segments_BT):
        output = Decoder(config).apply({"params": params}, tokens_BT, segment_ids=segments_BT)
        return jnp.mean(output.hidden_BTD**2)

    ids = jax.ShapeDtypeStruct((1, LONG), jnp.int32)
    compiled = jax.jit(jax.grad(loss)).lower(params, ids, ids).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < LONG * LONG  # not one byte a pair


def test_the_splash_kernel_is_lowered_for_rows_of_32768_tokens(monkeypatch):
    monkeypatch.setattr(attention_splash, "platform", lambda: "tpu")
    shapes = [jax.ShapeDtypeStruct((1, LONG, heads, 128), jnp.bfloat16) for heads in (2, 1, 1)]
    segments = jax.ShapeDtypeStruct((1, LONG), jnp.int32)

    def mixed(query, key, value, segments):
        return attend(
            query, key, value, segment_ids_BT=segments, scale=0.1, implementation="splash"
        )

    with jax.set_mesh(mesh_of(sequence=8)):
        traced = jax.jit(mixed).trace(*shapes, segments)
        text = traced.lower(lowering_platforms=("tpu",)).as_text()
    assert "tpu_custom_call" in text
    assert f"{LONG}x{LONG}" not in text


def test_the_parts_of_a_row_decide_what_fits():
    with jax.set_mesh(mesh_of(sequence=8)):
        assert choose("auto", "float32", 64, 1024, None) == "blockwise"
        assert choose("splash", "bfloat16", 64, 1024, None) == "splash"
        with pytest.raises(InputError, match="multiples of 1024 tokens, not 512"):
            choose("splash", "bfloat16", 64, 512, None)


def test_rows_that_do_not_fit_the_axis_are_refused_or_stay_whole():
    mesh = mesh_of(sequence=4)
    check_row_length(32, mesh)
    with pytest.raises(InputError, match="rows of 30 tokens cannot be split into 4 equal parts"):
        check_row_length(30, mesh)
    given = inputs(2, 30)
    with jax.set_mesh(mesh):
        found = jax.jit(functools.partial(attend, scale=0.3))(*given[:3])
    expected = attend(*given[:3], scale=0.3)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
