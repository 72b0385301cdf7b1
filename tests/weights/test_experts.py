"""Files of models with experts: both layouts, what is refused, and what transformers reads."""

import jax
import numpy as np
import pytest
import tiny_checkpoints as tiny
import tiny_models

from prm_jax.errors import InputError
from prm_jax.models import PRESETS, make_mesh
from prm_jax.weights import export, load_model
from prm_jax.weights.hf import load_directory
from prm_jax.weights.hf_config import read_config, write_config

PRESET = PRESETS["tiny-qwen3_moe"]


def test_stacked_experts_are_read_like_separate_ones(tmp_path):
    pytest.importorskip("transformers")
    model = tiny.write(tmp_path / "separate", "qwen3_moe")
    model.save_pretrained(tmp_path / "stacked", save_original_format=False)
    (config, _, separate, _), (same, _, stacked, _) = (
        load_directory(tmp_path / name) for name in ("separate", "stacked")
    )
    assert config == same and config.n_experts == 8
    tiny_models.assert_identical(separate, stacked)
    assert separate["layers_0"]["mlp"]["experts"]["gate"]["kernel"].shape == (3, 8, 32, 24)


def test_experts_go_straight_to_their_devices_and_come_back(tmp_path):
    model, params = tiny_models.model("qwen3_moe")
    export(tmp_path / "m", model, params, tiny_models.tokenizer())
    mesh = make_mesh(expert=4, fsdp=2)
    _, spread, _ = load_model(tmp_path / "m", mesh=mesh)
    tiny_models.assert_identical(params, spread)
    kernel = spread["layers_0"]["mlp"]["experts"]["down"]["kernel"]
    assert kernel.sharding.shard_shape(kernel.shape) == (2, 2, 16, 16)
    with pytest.raises(InputError, match="8 experts cannot be split into 3 equal parts"):
        load_model(tmp_path / "m", mesh=make_mesh(expert=3, devices=jax.devices()[:3]))


def test_a_dense_model_has_no_expert_axis(tmp_path):
    model, params = tiny_models.model("qwen3")
    export(tmp_path / "m", model, params, tiny_models.tokenizer())
    with pytest.raises(InputError, match="mesh.expert.*no experts to split"):
        load_model(tmp_path / "m", mesh=make_mesh(expert=2, fsdp=4))


def test_transformers_reads_what_we_write(tmp_path):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    model, params = tiny_models.model("qwen3_moe")
    export(tmp_path / "m", model, params, tiny_models.tokenizer())
    theirs, info = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "m", output_loading_info=True, dtype=torch.float32
    )
    assert not any(info.values())
    tokens = np.random.default_rng(0).integers(0, 200, (2, 9), dtype=np.int32)
    with torch.no_grad():
        expected = theirs.eval()(torch.from_numpy(tokens).long()).logits.numpy()
    got = model.apply({"params": params}, tokens, logits=True).logits_BTV
    np.testing.assert_allclose(got, expected, atol=2e-4)


def test_the_number_of_experts_has_two_names():
    values = write_config(PRESET)
    for name, other in (("num_experts", "num_local_experts"), ("num_local_experts", "num_experts")):
        alone = {field: value for field, value in values.items() if field != other}
        assert read_config(alone, "config.json") == PRESET
        with pytest.raises(InputError, match="says"):
            read_config(values | {name: 4}, "config.json")


@pytest.mark.parametrize(
    ("field", "value"), [("decoder_sparse_step", 2), ("mlp_only_layers", [0])], ids=str
)
def test_layers_with_and_without_experts_are_refused_by_field(field, value):
    with pytest.raises(InputError, match=f"c.json.*{field}.*not supported; the published"):
        read_config(write_config(PRESET) | {field: value}, "c.json")
