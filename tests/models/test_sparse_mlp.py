"""Experts against a loop over all of them, alone and on a mesh of eight devices."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_decoders as tiny

from prm_jax.errors import InputError
from prm_jax.models import (
    PRESETS,
    DecoderConfig,
    abstract_params,
    batch_sharding,
    init_lora,
    make_mesh,
    param_shardings,
    paths,
)
from prm_jax.models.grouped_matmul import IMPLEMENTATIONS, ROWS, grouped_matmul
from prm_jax.models.sharding import check_experts
from prm_jax.models.sparse_mlp import route, run_experts

E, D, F, X = 8, 12, 16, 3
MESHES = (
    dict(expert=8),
    dict(data=2, expert=2, fsdp=2),
    dict(expert=2, sequence=2, tensor=2),
    dict(fsdp=4, tensor=2),
)


@functools.cache
def arrays(rows=8, length=6):
    random = np.random.default_rng(0)
    shapes = ((rows, length, D), (D, E), (E, D, F), (E, D, F), (E, F, D), (rows, length, D))
    return tuple(jnp.asarray(random.normal(0, 0.5, shape), jnp.float32) for shape in shapes)


def mix(x, router, gate, up, down, implementation=None, normalise=True):
    return run_experts(x, *route(x, router, X, normalise), gate, up, down, nn.silu, implementation)


def by_hand(x, router, gate, up, down, normalise=True):
    """Every expert on every token, weighted by the routing: no sorting, no groups."""
    share = jax.nn.softmax(jnp.einsum("BTD,DE->BTE", x, router))
    share = jnp.where(share >= jnp.sort(share)[..., -X, None], share, 0)
    if normalise:
        share = share / share.sum(-1, keepdims=True)
    inner = nn.silu(jnp.einsum("BTD,EDF->BTEF", x, gate)) * jnp.einsum("BTD,EDF->BTEF", x, up)
    return jnp.einsum("BTEF,EFD,BTE->BTD", inner, down, share)


def weighted(function, *arguments):
    *inputs, weights = arguments
    return (function(*inputs) * weights).sum()


@functools.cache
def expected(normalise=True):
    function = functools.partial(weighted, functools.partial(by_hand, normalise=normalise))
    return jax.value_and_grad(function, range(5))(*arrays())


def assert_close(got, wanted, tolerance=1e-5):
    for left, right in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        size = float(np.abs(right).max())
        np.testing.assert_allclose(left, right, rtol=tolerance, atol=tolerance * size)


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_value_and_gradient_are_those_of_all_experts_on_all_tokens(implementation, normalise):
    function = functools.partial(mix, implementation=implementation, normalise=normalise)
    got = jax.jit(jax.value_and_grad(functools.partial(weighted, function), range(5)))(*arrays())
    assert_close(got, expected(normalise))


@pytest.mark.parametrize(
    ("axes", "implementation"),
    [(axes, "blocks") for axes in MESHES] + [(MESHES[1], "ragged"), (MESHES[2], "ragged")],
    ids=str,
)
def test_eight_devices_give_the_value_and_gradient_of_one(axes, implementation):
    mesh = make_mesh(**axes)
    function = functools.partial(weighted, functools.partial(mix, implementation=implementation))
    with jax.set_mesh(mesh):
        got = jax.jit(jax.value_and_grad(function, range(5)))(*arrays())
    assert_close(got, expected())


def test_rows_that_the_mesh_does_not_divide_still_reach_their_experts():
    inputs = [x[:3] if x.ndim == 3 and len(x) == 8 and x.shape[1] == 6 else x for x in arrays()[:5]]
    with jax.set_mesh(make_mesh(expert=4, fsdp=2)):
        assert_close(jax.jit(mix)(*inputs), by_hand(*inputs))


@pytest.mark.parametrize("sizes", [(0, 3, 2 * ROWS + 1, 0), (ROWS, 0, 0, 5), (0, 0, 0, 0)], ids=str)
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_groups_of_any_size_and_rows_of_none(implementation, sizes):
    random = np.random.default_rng(1)
    rows = sum(sizes) + 7
    x, kernel = random.normal(size=(rows, 4)), random.normal(size=(4, 4, 6))
    owner = np.repeat(np.arange(5), (*sizes, 7))
    wanted = np.stack([row @ kernel[e] if e < 4 else np.zeros(6) for row, e in zip(x, owner)])
    x, kernel = jnp.asarray(x, jnp.float32), jnp.asarray(kernel, jnp.float32)
    x = x.at[-1].set(jnp.nan)  # of no group: nobody may read it
    run = functools.partial(grouped_matmul, implementation=implementation)
    sizes = jnp.asarray(sizes, jnp.int32)
    np.testing.assert_allclose(run(x, kernel, sizes), wanted, atol=1e-5)
    of_kernel = jax.grad(lambda kernel: run(x, kernel, sizes).sum())(kernel)
    by_owner = np.stack([np.asarray(x)[owner == e].sum(0) for e in range(4)])
    np.testing.assert_allclose(of_kernel, np.repeat(by_owner[:, :, None], 6, 2), atol=1e-4)


def test_second_derivatives_of_the_loop_are_right():
    random = np.random.default_rng(2)
    x, kernel = (jnp.asarray(random.normal(size=s), jnp.float32) for s in ((9, 4), (3, 4, 5)))
    sizes = jnp.asarray([4, 0, 5], jnp.int32)

    def one_by_one(x, kernel, _):
        return jnp.stack([x[i] @ kernel[0 if i < 4 else 2] for i in range(9)])

    def of_gradient(arrays, multiply):
        def loss(arrays):
            return (multiply(*arrays, sizes) ** 3).sum()

        return sum((leaf**2).sum() for leaf in jax.grad(loss)(arrays))

    blocks = functools.partial(grouped_matmul, implementation="blocks")
    got, wanted = (
        jax.jit(jax.grad(functools.partial(of_gradient, multiply=f)))((x, kernel))
        for f in (blocks, one_by_one)
    )
    assert_close(got, wanted)


def test_the_router_is_computed_in_float32():
    # Both logits round to 256 in bfloat16; in float32 the second is larger.
    x = jnp.asarray([[[1.0, 1.0]]], jnp.bfloat16)
    router = jnp.asarray([[256.0, 256.0], [0.0, 0.5]], jnp.float32)
    chosen, weight = route(x, router, 1, False)
    assert int(chosen[0, 0, 0]) == 1
    np.testing.assert_allclose(weight[0, 0, 0], 1 / (1 + np.exp(-0.5)), rtol=1e-6)


def test_packing_and_padding_change_nothing():
    tokens = tiny.tokens(1, 12)
    first, second = tokens[:, :5], tokens[:, 5:]
    packed = np.concatenate([first, second, np.zeros((1, 4), np.int32)], axis=1)
    segments = np.asarray([[1] * 5 + [2] * 7 + [0] * 4], np.int32)
    got = tiny.hidden("tiny-qwen3_moe", packed, segment_ids=segments)
    np.testing.assert_allclose(got[:, :5], tiny.hidden("tiny-qwen3_moe", first), atol=1e-5)
    np.testing.assert_allclose(got[:, 5:12], tiny.hidden("tiny-qwen3_moe", second), atol=1e-5)
    np.testing.assert_array_equal(got, tiny.hidden("tiny-qwen3_moe", packed, segment_ids=segments))


def test_every_token_keeps_its_experts_when_all_choose_the_same():
    x, _, gate, up, down, _ = arrays()
    router = jnp.zeros((D, E))  # equal shares: the first experts win, and none is dropped
    share = jnp.zeros(E).at[:X].set(1 / X)
    inner = nn.silu(jnp.einsum("BTD,EDF->BTEF", x, gate)) * jnp.einsum("BTD,EDF->BTEF", x, up)
    assert_close(mix(x, router, gate, up, down), jnp.einsum("BTEF,EFD,E->BTD", inner, down, share))


def test_the_expert_axis_wants_experts_and_a_divisor():
    mesh = make_mesh(expert=8)
    check_experts(16, mesh)
    with pytest.raises(InputError, match="mesh.expert.*no experts to split; leave it at 1"):
        check_experts(0, mesh)
    with pytest.raises(InputError, match="12 experts cannot be split into 8 equal parts"):
        check_experts(12, mesh)
    for bad in (dict(experts_per_token=9), dict(experts_per_token=0), dict(d_expert=0)):
        with pytest.raises(InputError, match="experts"):
            DecoderConfig(**vars(PRESETS["tiny-qwen3_moe"]) | bad)
    assert not PRESETS["tiny-qwen3"].n_experts


def test_adapters_go_on_attention_and_not_on_experts():
    params = abstract_params(PRESETS["tiny-qwen3_moe"])
    adapters = jax.eval_shape(lambda: init_lora(jax.random.key(0), params, 2, 4.0))
    assert {path.split("/")[1] for path in paths(adapters)} == {"attn"}
    with pytest.raises(InputError, match="stacks experts.*adapt attention"):
        init_lora(jax.random.key(0), params, 2, 4.0, ("experts/up/kernel",))


def test_stored_experts_are_split_by_number():
    params = tiny.params_of("tiny-qwen3_moe")
    mesh = make_mesh(expert=4, fsdp=2)
    placed = jax.device_put(params, param_shardings(params, mesh))
    kernel = placed["layers_0"]["mlp"]["experts"]["gate"]["kernel"]
    assert kernel.sharding.shard_shape(kernel.shape) == (2, 2, 16, 16)
    batch = jax.device_put(tiny.tokens(8, 4), batch_sharding(mesh))
    assert batch.sharding.shard_shape(batch.shape) == (1, 4)
