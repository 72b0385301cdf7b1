"""Files of Qwen 3.5: rows beyond a chunk, what transformers reads, the multimodal layout."""

import json

import jax
import numpy as np
import pytest
import tiny_checkpoints
import tiny_models as tiny
from safetensors.numpy import load_file

from prm_jax.errors import InputError
from prm_jax.models import PRESETS, Decoder, init_lora, paths
from prm_jax.weights import export, load_model
from prm_jax.weights.hf import load_directory
from prm_jax.weights.hf_config import read_config, write_config
from prm_jax.weights.hf_tables import rows_for
from prm_jax.weights.peft_export import export_adapter

PRESET = PRESETS["tiny-qwen3_5"]


def test_rows_of_several_chunks_have_the_logits_of_transformers_in_both_directions(tmp_path):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    theirs = tiny_checkpoints.write(tmp_path / "theirs", "qwen3_5")
    config, _, params, _ = load_directory(tmp_path / "theirs")
    tokens = np.random.default_rng(2).integers(0, 96, (2, 150))
    with torch.no_grad():
        expected = theirs(torch.from_numpy(tokens)).logits.numpy()
    run = jax.jit(lambda x: Decoder(config).apply({"params": params}, x, logits=True).logits_BTV)
    got = run(tokens.astype(np.int32))
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(got, expected, rtol=0, atol=2e-4)
    # Nothing after a place changes it, also across chunks.
    changed = np.where(np.arange(150) < 70, tokens, 95 - tokens).astype(np.int32)
    np.testing.assert_array_equal(run(changed)[:, :70], got[:, :70])

    export(tmp_path / "ours", Decoder(config), params, tiny.tokenizer())
    again, info = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "ours", output_loading_info=True, dtype=torch.float32
    )
    assert not any(info.values())
    left, right = theirs.state_dict(), again.state_dict()
    assert set(left) == set(right) and all(torch.equal(left[key], right[key]) for key in left)


@pytest.mark.parametrize("prefix", ["model.language_model.", "language_model.model."])
def test_the_text_model_of_a_multimodal_checkpoint_is_read(prefix, tmp_path):
    from safetensors.numpy import load_file, save_file

    model, params = tiny.model("qwen3_5")
    export(tmp_path / "m", model, params, tiny.tokenizer())
    (tmp_path / "m" / "prm_jax.json").unlink()
    file = tmp_path / "m" / "config.json"
    text = json.loads(file.read_text())
    whole = {"model_type": "qwen3_5", "architectures": ["Qwen3_5ForConditionalGeneration"]}
    text["rope_parameters"] |= {"mrope_section": [2, 1, 1], "mrope_interleaved": True}
    file.write_text(json.dumps(whole | {"text_config": text, "vision_config": {"depth": 2}}))
    tensors = load_file(tmp_path / "m" / "model.safetensors")
    for key in [key for key in tensors if key.startswith("model.")]:
        tensors[prefix + key.removeprefix("model.")] = tensors.pop(key)
    tensors["model.visual.blocks.0.norm1.weight"] = np.ones(3, "f4")
    tensors["mtp.layers.0.input_layernorm.weight"] = np.ones(3, "f4")
    save_file(tensors, tmp_path / "m" / "model.safetensors", {"format": "pt"})
    again, back, _ = load_model(tmp_path / "m")
    assert again == model
    tiny.assert_identical(back, params)


def test_tied_embeddings_may_be_said_of_the_whole_model():
    text = {k: v for k, v in write_config(PRESET).items() if k != "tie_word_embeddings"}
    whole = {"model_type": "qwen3_5", "text_config": text, "tie_word_embeddings": True}
    assert read_config(whole, "c.json").tied
    assert not read_config(whole | {"text_config": write_config(PRESET)}, "c.json").tied


def test_every_fourth_layer_is_full_where_no_types_are_listed():
    values = {k: v for k, v in write_config(PRESET).items() if k != "layer_types"}
    values["num_hidden_layers"] = 8
    config = read_config(values, "c.json")
    assert config.layer_types == ("linear", "linear", "linear", "full") * 2
    assert (config.period, config.n_blocks) == (4, 2)
    other = read_config(values | {"full_attention_interval": 2}, "c.json")
    assert other.layer_types == ("linear", "full") * 4


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("attn_output_gate", False, "without a gate.*set it to true"),
        ("linear_num_value_heads", 3, "3 value heads cannot share 2 key heads.*multiple"),
        ("linear_conv_kernel_dim", None, "linear_conv_kernel_dim.*is missing"),
        ("layer_types", ["conv", "full_attention"] * 2, "unsupported layer types"),
    ],
)
def test_what_is_not_supported_is_refused_by_field(field, value, problem):
    with pytest.raises(InputError, match=f"c.json.*{problem}"):
        read_config(write_config(PRESET) | {field: value}, "c.json")


def test_adapters_go_to_the_tensors_of_their_layers(tmp_path):
    model, params = tiny.model("qwen3_5")
    lora = init_lora(jax.random.key(0), params, 2, 4.0)
    assert all("/linear/" not in path for path in paths(lora))
    (tmp_path / "base").mkdir()
    export_adapter(tmp_path / "a", model, params, lora, tiny.tokenizer(), base=tmp_path / "base")
    tensors = load_file(tmp_path / "a" / "adapter_model.safetensors")
    name = "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight"
    kernel = lora["layers_0"]["block_1"]["attn"]["q"]["kernel"]
    np.testing.assert_array_equal(tensors[name], np.asarray(kernel["a"][1]).T)


def test_adapters_of_one_joined_tensor_become_one(tmp_path):
    model, params = tiny.model("qwen3_5")
    lora = init_lora(jax.random.key(0), params, 2, 4.0, ("linear/[qkv]/kernel",))
    rng = np.random.default_rng(0)
    lora = jax.tree.map(lambda x: x if x.ndim < 2 else rng.normal(size=x.shape), lora)
    (tmp_path / "base").mkdir()
    export_adapter(tmp_path / "a", model, params, lora, tiny.tokenizer(), base=tmp_path / "base")
    tensors = load_file(tmp_path / "a" / "adapter_model.safetensors")
    name = "base_model.model.model.layers.2.linear_attn.in_proj_qkv.lora_{}.weight"
    parts = [lora["layers_0"]["block_0"]["linear"][part]["kernel"] for part in "qkv"]
    by_hand = np.concatenate([(part["a"][1] @ part["b"][1]).T for part in parts])
    joined = tensors[name.format("B")] @ tensors[name.format("A")]
    np.testing.assert_allclose(joined, by_hand, rtol=1e-5, atol=1e-5)


def test_stacks_hold_every_second_layer():
    rows = {row.path: row for row in rows_for(PRESET, None)}
    row = rows["layers_0/block_1/attn/q/kernel"]
    assert [row.key_at(place) for place in (0, 1)] == [
        f"model.layers.{layer}.self_attn.q_proj.weight" for layer in (1, 3)
    ]
