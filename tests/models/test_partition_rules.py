"""The table from parameter paths to mesh axes, and the decoder on a mesh of eight devices."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_decoders as tiny
from jax.sharding import PartitionSpec as P

from prm_jax.errors import InputError
from prm_jax.models import (
    PRESETS,
    Decoder,
    HeadConfig,
    abstract_params,
    batch_sharding,
    init_head,
    init_lora,
    make_mesh,
    param_shardings,
    paths,
)
from prm_jax.models.sharding import PARTITION_RULES, partition_spec

HEADS = (HeadConfig("scalar"), HeadConfig("linear", 3), HeadConfig("mlp", 2))


def every_tree():
    for config in tiny.CONFIGS.values():
        params = abstract_params(config, HEADS[0], (1, config.n_blocks - 1))
        lora = jax.eval_shape(lambda p=params: init_lora(jax.random.key(0), p, 2, 4.0))
        yield params | {"lora": lora}
        for head in HEADS[1:]:  # nothing else of a tree depends on its head
            fresh = functools.partial(init_head, head=head, d_model=config.d_model)
            yield {"head": jax.eval_shape(fresh, jax.random.key(0))}
    yield abstract_params(PRESETS["smollm2-135m"])


def test_every_parameter_of_every_model_has_a_rule_that_fits():
    mesh, used = make_mesh(data=1, fsdp=4, tensor=2), set()
    for tree in every_tree():
        for path, sharding in paths(param_shardings(tree, mesh)).items():
            sharding.shard_shape(paths(tree)[path].shape)  # raises if the axes do not divide
            used.add(
                next(
                    rule
                    for rule, _ in PARTITION_RULES
                    if re.search(rule, path.replace("/block_0/", "/").replace("/block_1/", "/"))
                )
            )
    assert used == {rule for rule, _ in PARTITION_RULES}, "a rule that nothing needs"


def test_the_large_matrices_are_split_among_all_devices():
    mesh = make_mesh(data=1, fsdp=4, tensor=2)
    params = abstract_params(PRESETS["smollm2-135m"])
    for path, sharding in paths(param_shardings(params, mesh)).items():
        leaf = paths(params)[path]
        parts = leaf.size // np.prod(sharding.shard_shape(leaf.shape))
        if path.startswith("layers_0/attn/"):
            assert parts == 4, path  # 9 and 3 heads: two devices cannot share them
        elif path.endswith(("kernel", "embedding")):
            assert parts == 8, path


def test_an_axis_that_does_not_divide_leaves_the_dimension_whole():
    mesh = make_mesh(data=1, fsdp=2, tensor=4)
    assert partition_spec("layers_0/attn/q/kernel", (2, 32, 9, 8), mesh) == P(
        None, "fsdp", None, None
    )
    assert partition_spec("layers_0/attn/q/kernel", (2, 32, 8, 8), mesh) == P(
        None, "fsdp", "tensor", None
    )
    assert partition_spec("embed/embedding", (250, 36), mesh) == P(None, None)


def test_a_parameter_without_a_rule_is_refused():
    mesh = make_mesh(data=8)
    with pytest.raises(InputError, match="no partition rule matches 'router/kernel'"):
        param_shardings({"router": {"kernel": jnp.zeros((8, 8))}}, mesh)


def test_a_mesh_fits_the_devices_or_says_how():
    mesh = make_mesh(data=2, fsdp=-1, tensor=2)
    assert dict(mesh.shape) == {"data": 2, "expert": 1, "fsdp": 2, "sequence": 1, "tensor": 2}
    assert all(kind == jax.sharding.AxisType.Auto for kind in mesh.axis_types)
    for shape in ((3, 1, 1), (3, -1, 1), (0, -1, 1), (2, 2, 4)):
        with pytest.raises(InputError, match="does not fit 8 devices.*product equal"):
            make_mesh(*shape)
    assert make_mesh(devices=jax.devices()[:1]).size == 1


@pytest.mark.parametrize(
    "name, shape",
    [
        *((name, (2, 2, 2)) for name in ("tiny-qwen3", "tiny-gemma2", "tiny-phi3", "tiny-olmo3")),
        *((name, (1, 1, 8)) for name in ("tiny-qwen3", "tiny-gemma2", "tiny-phi3", "tiny-olmo2")),
        ("tiny-qwen3", (8, 1, 1)),
        ("tiny-gemma2", (8, 1, 1)),
        *(("tiny-qwen3_5", shape) for shape in ((2, 2, 2), (1, 1, 8), (8, 1, 1))),
    ],
    ids=str,
)
def test_eight_devices_give_the_logits_of_one(name, shape):
    mesh, params, tokens = make_mesh(*shape), tiny.params_of(name), tiny.tokens(8, 24)
    # One text beyond the original context of tiny-phi3, and one within it.
    segments = np.where(np.arange(24) < 18, 1, 2) * np.ones((8, 1), np.int32)
    expected = tiny.compiled(name, logits=True)(params, tokens, None, segments)
    model = Decoder(PRESETS[name])
    with jax.set_mesh(mesh):
        run = jax.jit(
            lambda params, tokens, segments: model.apply(
                {"params": params}, tokens, segment_ids=segments, logits=True
            )
        )
        output = run(
            jax.device_put(params, param_shardings(params, mesh)),
            *jax.device_put((tokens, segments), batch_sharding(mesh)),
        )
    np.testing.assert_allclose(output.logits_BTV, expected, rtol=0, atol=2e-5)
    rows = output.hidden_BTD.sharding.shard_shape(output.hidden_BTD.shape)[0]
    assert rows == 8 // (shape[0] * shape[1])


def test_rows_that_the_mesh_does_not_divide_still_run():
    params, tokens = tiny.params_of("tiny-llama"), tiny.tokens(3, 6)
    with jax.set_mesh(make_mesh(data=8)):
        got = Decoder(PRESETS["tiny-llama"]).apply({"params": params}, tokens).hidden_BTD
    np.testing.assert_allclose(got, tiny.hidden("tiny-llama", tokens), rtol=0, atol=1e-5)
