"""The layout of the tree, its regrouping, and its split into trained and frozen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_decoders as tiny

from prm_jax.errors import InputError
from prm_jax.models import (
    PRESETS,
    HeadConfig,
    abstract_params,
    combine,
    init_params,
    keep_lower_layers,
    partition,
    paths,
    resegment,
    segments_of,
)

L, D, N, K, H, F, V = 2, 32, 4, 2, 8, 64, 256
LLAMA = {
    "embed/embedding": (V, D),
    "final_norm/scale": (D,),
    "unembed/kernel": (D, V),
    "layers_0/attn_norm/scale": (L, D),
    "layers_0/mlp_norm/scale": (L, D),
    "layers_0/attn/q/kernel": (L, D, N, H),
    "layers_0/attn/k/kernel": (L, D, K, H),
    "layers_0/attn/v/kernel": (L, D, K, H),
    "layers_0/attn/o/kernel": (L, N, H, D),
    "layers_0/mlp/gate/kernel": (L, D, F),
    "layers_0/mlp/up/kernel": (L, D, F),
    "layers_0/mlp/down/kernel": (L, F, D),
}
TIED = {path: shape for path, shape in LLAMA.items() if path != "unembed/kernel"}
QK_NORM = {f"layers_0/attn/{name}_norm/scale": (L, H) for name in "qk"}
AFTER = {f"layers_0/post_{name}_norm/scale": (L, D) for name in ("attn", "mlp")}
OLMO = {
    path: shape
    for path, shape in LLAMA.items()
    if not path.endswith(("attn_norm/scale", "mlp_norm/scale"))
}
OLMO |= AFTER | {
    "layers_0/attn/q_norm/scale": (L, N, H),
    "layers_0/attn/k_norm/scale": (L, K, H),
}
LINEAR = {
    "q/kernel": (L, D, 2, 8),
    "k/kernel": (L, D, 2, 8),
    "v/kernel": (L, D, 4, 12),
    "z/kernel": (L, D, 4, 12),
    "rate/kernel": (L, D, 4),
    "decay/kernel": (L, D, 4),
    "q_conv/taps": (L, 4, 1, 2, 8),
    "k_conv/taps": (L, 4, 1, 2, 8),
    "v_conv/taps": (L, 4, 1, 4, 12),
    "dt_bias": (L, 4),
    "a_log": (L, 4),
    "norm/scale": (L, 12),
    "o/kernel": (L, 4, 12, D),
}
EXPECTED = {
    "tiny-llama": LLAMA,
    "tiny-mistral": LLAMA,
    "tiny-qwen2": TIED
    | {"layers_0/attn/q/bias": (L, N, H)}
    | {f"layers_0/attn/{name}/bias": (L, K, H) for name in "kv"},
    "tiny-qwen3": TIED | QK_NORM,
    "tiny-qwen3_moe": {path: shape for path, shape in LLAMA.items() if "/mlp/" not in path}
    | QK_NORM
    | {
        "layers_0/mlp/router/kernel": (L, D, 8),
        "layers_0/mlp/experts/gate/kernel": (L, 8, D, 16),
        "layers_0/mlp/experts/up/kernel": (L, 8, D, 16),
        "layers_0/mlp/experts/down/kernel": (L, 8, 16, D),
    },
    "tiny-gemma2": TIED | AFTER,
    "tiny-gemma3": TIED | AFTER | QK_NORM,
    "tiny-phi3": LLAMA,
    "tiny-olmo2": OLMO,
    "tiny-olmo3": OLMO,
    "tiny-qwen3_5": {path: shape for path, shape in LLAMA.items() if "layers" not in path}
    | {
        path.replace("layers_0", f"layers_0/block_{place}"): shape
        for place in (0, 1)
        for path, shape in LLAMA.items()
        if "/mlp" in path or "/attn_norm" in path
    }
    | {
        path.replace("layers_0", "layers_0/block_1"): shape
        for path, shape in (LLAMA | QK_NORM).items()
        if "/attn/" in path
    }
    | {"layers_0/block_1/attn/q/kernel": (L, D, N, 2 * H)}
    | {f"layers_0/block_0/linear/{name}": shape for name, shape in LINEAR.items()},
}


@pytest.mark.parametrize("name", tiny.FAMILIES)
def test_the_tree_is_laid_out_as_the_architecture_document_says(name):
    leaves = paths(abstract_params(PRESETS[name]))
    assert {path: leaf.shape for path, leaf in leaves.items()} == EXPECTED[name]
    assert all(leaf.dtype == jnp.float32 for leaf in leaves.values())


def test_a_seed_gives_the_parameters_that_results_were_made_with():
    params = init_params(jax.random.key(3), PRESETS["tiny-llama"], HeadConfig("scalar"))
    layers = params["layers_0"]
    found = [*layers["attn"]["q"]["kernel"][:, 0, 0, 0], *layers["mlp"]["down"]["kernel"][:, 0, 0]]
    found += [params["head"]["kernel"][0, 0], params["embed"]["embedding"][0, 0]]
    expected = [0.0186477, 0.1243695, 0.0293216, 0.0087681, -0.0388644, 0.0125316]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_abstract_parameters_are_those_of_real_ones():
    head = HeadConfig("mlp", 2)
    real = init_params(jax.random.key(0), PRESETS["tiny-qwen2"], head, (1, 1))
    abstract = abstract_params(PRESETS["tiny-qwen2"], head, (1, 1))
    assert "head/dense/bias" in paths(real) and "layers_1" in real
    assert jax.tree.map(lambda x: (x.shape, x.dtype), real) == jax.tree.map(
        lambda x: (x.shape, x.dtype), abstract
    )


def test_smollm2_has_135_million_parameters():
    sizes = [leaf.size for leaf in jax.tree.leaves(abstract_params(PRESETS["smollm2-135m"]))]
    assert sum(sizes) == 134_515_008


def test_regrouping_keeps_every_layer_in_its_place():
    params = tiny.params_of("deep")
    three = resegment(params, (3, 1, 2))
    assert segments_of(three) == (3, 1, 2)
    down = params["layers_0"]["mlp"]["down"]["kernel"]
    np.testing.assert_array_equal(three["layers_3"]["mlp"]["down"]["kernel"][0], down[3])
    np.testing.assert_array_equal(three["layers_4"]["mlp"]["down"]["kernel"][1], down[5])
    for other in (resegment(three, ()), resegment(resegment(three, (1, 5)), (6,))):
        assert segments_of(other) == (6,)
        jax.tree.map(np.testing.assert_array_equal, other, params)
    with pytest.raises(InputError, match="do not add up to 6 layers"):
        resegment(params, (3, 2))


def test_the_lower_layers_are_kept():
    params = tiny.params_of("deep")
    kept = keep_lower_layers(resegment(params, (4, 2)), 2)
    assert segments_of(kept) == (2,)
    np.testing.assert_array_equal(
        kept["layers_0"]["attn"]["q"]["kernel"], params["layers_0"]["attn"]["q"]["kernel"][:2]
    )


def test_partition_and_combine_are_inverse():
    params = resegment(tiny.params_of("tiny-qwen3"), (1, 1))
    trained, frozen = partition(params, [r"^embed/", r"^layers_0/", r"norm/scale$"])
    assert set(paths(trained)) == {
        path for path in paths(params) if path.startswith("layers_1") and "norm" not in path
    }
    assert set(paths(frozen)) == set(paths(params)) - set(paths(trained))
    assert "layers_0" not in trained and "embed" not in trained
    together = combine(trained, frozen)
    assert jax.tree.structure(together) == jax.tree.structure(params)
    jax.tree.map(np.testing.assert_array_equal, together, params)


def test_nothing_frozen_and_everything_frozen():
    params = tiny.params_of("tiny-llama")
    assert partition(params, [])[1] == {}
    trained, frozen = partition(params, ["."])
    assert trained == {} and combine(trained, frozen).keys() == params.keys()


def test_a_pattern_that_matches_nothing_is_refused_and_near_paths_are_named():
    params = tiny.params_of("tiny-llama")
    with pytest.raises(InputError, match=r"matches no parameter.*layers_0/attn/q/kernel"):
        partition(params, ["layer_0/attn/q/kernel"])
    with pytest.raises(InputError, match="is not a regex"):
        partition(params, ["layers_("])
