"""Every implementation of attention against one written with loops, and against each other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.models import Decoder, DecoderConfig, init_params, make_mesh
from prm_jax.models.attention import attend, choose
from prm_jax.models.attention_blockwise import BLOCK, MAX_BLOCKS

SCALE, HEADS, SHARED = 0.3, 4, 2


def inputs(rows, length, width=8, seed=0):
    generator = np.random.default_rng(seed)

    def normal(heads):
        return jnp.asarray(generator.normal(size=(rows, length, heads, width)), jnp.float32)

    boundaries = np.sort(generator.integers(1, length, (rows, 2)), axis=1)
    index = np.arange(length)
    segments = 1 + (index >= boundaries[:, :1]) + (index >= boundaries[:, 1:])
    segments[0, -length // 8 :] = 0
    return normal(HEADS), normal(SHARED), normal(SHARED), jnp.asarray(segments, jnp.int32)


def by_loops(query, key, value, segments, window, softcap):
    query, key, value = (np.asarray(x, np.float64) for x in (query, key, value))
    out = np.zeros_like(query)
    for b, t, n in np.ndindex(query.shape[:3]):
        shared = n // (HEADS // SHARED)
        seen = [
            s
            for s in range(t + 1)
            if (window is None or t - s < window)
            and (segments is None or segments[b, s] == segments[b, t])
        ]
        scores = key[b, seen, shared] @ query[b, t, n] * SCALE
        if softcap is not None:
            scores = softcap * np.tanh(scores / softcap)
        weights = np.exp(scores)
        out[b, t, n] = weights @ value[b, seen, shared] / weights.sum()
    return out


@pytest.mark.parametrize("softcap", [None, 0.7])
@pytest.mark.parametrize("window", [None, 5])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("implementation", ["xla", "blockwise"])
def test_attention_equals_loops(implementation, packed, window, softcap):
    query, key, value, segments = inputs(2, 24)
    segments = segments if packed else None
    got = attend(
        query,
        key,
        value,
        segment_ids_BT=segments,
        windows=(window,),
        scale=SCALE,
        softcap=softcap,
        implementation=implementation,
    )
    expected = by_loops(query, key, value, segments, window, softcap)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind, window", [(0, None), (1, 5)])
def test_a_layer_takes_the_window_of_its_kind(kind, window):
    query, key, value, segments = inputs(1, 24)
    for implementation in ("xla", "blockwise"):
        got = jax.jit(
            lambda kind, name=implementation: attend(
                query,
                key,
                value,
                segment_ids_BT=segments,
                windows=(None, 5),
                kind=kind,
                scale=SCALE,
                implementation=name,
            )
        )(kind)
        expected = by_loops(query, key, value, segments, window, None)
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("windows", [(None,), (100,)])
def test_several_blocks_of_queries_give_the_values_and_gradients_of_one_call(windows):
    length = BLOCK * MAX_BLOCKS + 150
    query, key, value, segments = inputs(2, length)

    def loss(implementation):
        return lambda *arrays: jnp.sum(
            attend(
                *arrays,
                segment_ids_BT=segments,
                windows=windows,
                scale=SCALE,
                implementation=implementation,
            )
            ** 2
        )

    gradients = [
        jax.jit(jax.value_and_grad(loss(name), argnums=(0, 1, 2)))(query, key, value)
        for name in ("blockwise", "xla")
    ]
    for got, expected in zip(*map(jax.tree.leaves, gradients), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("softcap, windows", [(None, (None,)), (0.7, (None, 70))])
def test_the_splash_kernel_gives_the_values_and_gradients_of_the_other_path(softcap, windows):
    query, key, value, segments = inputs(2, 256, width=128)

    def loss(implementation):
        def total(query, key, value, kind):
            out = attend(
                query,
                key,
                value,
                segment_ids_BT=segments,
                windows=windows,
                kind=kind,
                scale=0.05,
                softcap=softcap,
                implementation=implementation,
            )
            return jnp.sum(out**2), out

        return jax.jit(jax.value_and_grad(total, argnums=(0, 1, 2), has_aux=True))

    for kind in range(len(windows)):
        got, expected = (loss(name)(query, key, value, kind) for name in ("splash", "xla"))
        for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


def test_the_splash_kernel_runs_on_a_mesh_device_by_device():
    query, key, value, segments = inputs(4, 128, width=128)
    mesh = make_mesh(data=2, fsdp=1, tensor=2, devices=jax.devices()[:4])

    def run(implementation):
        return jax.jit(
            lambda: attend(
                query,
                key,
                value,
                segment_ids_BT=segments,
                scale=0.05,
                implementation=implementation,
            )
        )()

    with jax.set_mesh(mesh):
        split = run("splash")
    assert len({str(shard.index) for shard in split.addressable_shards}) == 4
    np.testing.assert_allclose(split, run("xla"), rtol=0, atol=1e-5)


def test_a_decoder_with_local_and_global_layers_runs_on_the_splash_kernel():
    config = DecoderConfig(
        family="gemma3",
        vocab_size=64,
        d_model=16,
        n_layers=2,
        n_heads=2,
        n_kv_heads=1,
        head_dim=128,
        d_ff=16,
        qk_norm=True,
        sliding_window=40,
        layer_types=("sliding", "full"),
    )
    params = init_params(jax.random.key(0), config)
    tokens = jax.random.randint(jax.random.key(1), (1, 128), 0, 64)
    segments = jnp.repeat(jnp.asarray([[1, 2, 0, 0]]), 32, axis=1)
    got, expected = (
        jax.jit(
            lambda name=name: (
                Decoder(config, attention=name)
                .apply({"params": params}, tokens, segment_ids=segments)
                .hidden_BTD
            )
        )()
        for name in ("splash", "xla")
    )
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


def test_auto_is_blockwise_on_one_cpu_and_side_by_side_on_a_mesh():
    assert choose("auto", "float32", 64, 512, None) == "blockwise"
    with jax.set_mesh(make_mesh(data=8)):
        assert choose("auto", "float32", 64, 512, None) == "xla"
    with jax.set_mesh(make_mesh(devices=jax.devices()[:1])):
        assert choose("auto", "float32", 64, 512, None) == "blockwise"


@pytest.mark.parametrize(
    "implementation, length, words",
    [
        ("flash", 128, "known are auto, xla"),
        ("cudnn", 128, "needs a GPU"),
        ("splash", 100, "multiples of 128"),
    ],
)
def test_an_implementation_that_cannot_work_is_refused(implementation, length, words):
    with pytest.raises(InputError, match=words):
        choose(implementation, "bfloat16", 64, length, None)
