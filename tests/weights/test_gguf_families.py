"""GGUF files of Phi-3/4, OLMo 2/3 and Qwen3-MoE give the numbers of the directory they came from.

Tensor names come from the map of the `gguf` package, metadata fields from what llama.cpp's
converter writes for each architecture.
"""

import dataclasses
import json
import math
import re

import gguf
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_checkpoints as tiny
from safetensors.numpy import load_file
from tiny_models import assert_identical

from prm_jax.errors import InputError
from prm_jax.models import Decoder, abstract_params, paths
from prm_jax.weights.assemble import assemble
from prm_jax.weights.gguf import IGNORABLE, GgufFile
from prm_jax.weights.hf import load_directory

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

LONG, SHORT = "rope_factors_long.weight", "rope_factors_short.weight"


def write(path, directory, architecture, more=None, without=(), quantise=None):
    """Converts a Hugging Face directory.

    Args:
        path: of the new file.
        directory: what `tiny_checkpoints.write` wrote.
        architecture: key of `gguf.MODEL_ARCH_NAMES`.
        more: dict of metadata fields without the architecture's name, over those derived here.
        without: names of tensors and fields to leave out.
        quantise: `gguf.GGMLQuantizationType` for the matrices whose rows have whole blocks.
    """
    values = json.loads((directory / "config.json").read_text())
    arch = gguf.MODEL_ARCH[architecture]
    name = gguf.MODEL_ARCH_NAMES[arch]
    writer = gguf.GGUFWriter(path, name)
    fields = {
        "block_count": values["num_hidden_layers"],
        "context_length": values["max_position_embeddings"],
        "embedding_length": values["hidden_size"],
        "feed_forward_length": values["intermediate_size"],
        "attention.head_count": values["num_attention_heads"],
        "attention.head_count_kv": values["num_key_value_heads"],
        "attention.layer_norm_rms_epsilon": values["rms_norm_eps"],
    }
    rope = values["rope_parameters"]
    full = rope.get("full_attention", rope)
    fields["rope.freq_base"] = float(full["rope_theta"])
    tensors = load_file(directory / "model.safetensors")
    if architecture == "PHI3":
        rotated = int(full.get("partial_rotary_factor", 1.0) * values["hidden_size"])
        original, longest = (
            values[field]
            for field in ("original_max_position_embeddings", "max_position_embeddings")
        )
        fields["rope.dimension_count"] = rotated // values["num_attention_heads"]
        fields["rope.scaling.original_context_length"] = original
        fields["attention.sliding_window"] = values["sliding_window"] or 0
        if "long_factor" in full:
            scale = math.log(longest / original) / math.log(original)
            fields["rope.scaling.attn_factor"] = math.sqrt(1 + scale)
            tensors[LONG], tensors[SHORT] = (
                np.asarray(full[key], np.float32) for key in ("long_factor", "short_factor")
            )
    if architecture == "OLMO2" and "sliding_window" in values:
        fields["attention.sliding_window"] = values["sliding_window"]
        sliding = [kind == "sliding_attention" for kind in values["layer_types"]]
        fields["attention.sliding_window_pattern"] = sliding
    if full["rope_type"] == "yarn":
        fields["rope.scaling.type"] = "yarn"
        fields["rope.scaling.factor"] = full["factor"]
        fields["rope.scaling.original_context_length"] = full["original_max_position_embeddings"]
    if architecture == "QWEN3MOE":
        fields["attention.key_length"] = fields["attention.value_length"] = values["head_dim"]
        fields["expert_count"] = tiny.EXPERTS["num_experts"]
        fields["expert_used_count"] = values["num_experts_per_tok"]
        fields["expert_feed_forward_length"] = values["moe_intermediate_size"]
        tensors = stacked(tensors)
    for field, value in (fields | (more or {})).items():
        if field in without or value is None:
            continue
        add = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32}
        add |= {str: writer.add_string, list: writer.add_array}
        add[type(value)](f"{name}.{field}", value)
    names = gguf.get_tensor_name_map(arch, values["num_hidden_layers"])
    for key, tensor in tensors.items():
        stored = key if key.startswith("rope_factors") else names.get_name(key, (".weight",))
        assert stored is not None, key
        if stored in without:
            continue
        if quantise is None or tensor.ndim < 2 or tensor.shape[-1] % 32:
            writer.add_tensor(stored, np.ascontiguousarray(tensor))
        else:
            data = gguf.quants.quantize(tensor, quantise)
            writer.add_tensor(stored, data, raw_dtype=quantise)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def stacked(tensors):
    """The tensors with those of experts stacked, as the converter does."""
    result, found = {}, {}
    for key, tensor in tensors.items():
        expert = re.fullmatch(r"(.*\.experts)\.(\d+)(\..*)", key)
        if expert:
            found.setdefault(expert[1] + expert[3], {})[int(expert[2])] = tensor
        else:
            result[key] = tensor
    return result | {key: np.stack([of[i] for i in sorted(of)]) for key, of in found.items()}


def load(path):
    file = GgufFile(path)
    abstract = abstract_params(file.config)
    return file.config, assemble(file, file.rows(), abstract, dtype="float32", ignorable=IGNORABLE)


FILES = {
    "phi3": ("PHI3", {}, None),
    "phi3-longrope": ("PHI3", {}, None),
    "phi3-longrope tied, full attention, newer converter": (
        "PHI3",
        dict(tie_word_embeddings=True),
        {"rope.scaling.type": "longrope"},
    ),
    "olmo2": ("OLMO2", {}, None),
    "olmo3": ("OLMO2", {}, {"rope.scaling.yarn_attn_factor": 1 + 0.1 * math.log(4)}),
    "qwen3_moe": ("QWEN3MOE", {}, None),
}


@pytest.mark.parametrize("name", FILES)
def test_a_converted_directory_has_its_configuration_and_its_logits(name, tmp_path):
    architecture, values, more = FILES[name]
    variant = name.partition(" ")[0]
    reference = tiny.logits(tiny.write(tmp_path, variant, **values))
    write(tmp_path / "m.gguf", tmp_path, architecture, more)
    config, params = load(tmp_path / "m.gguf")
    wanted, _, of_directory, _ = load_directory(tmp_path)
    assert config == wanted
    assert_identical(params, of_directory)
    logits = Decoder(config).apply({"params": params}, jnp.asarray(tiny.tokens()), logits=True)
    assert np.abs(np.asarray(logits.logits_BTV) - reference).max() <= 2e-4


@pytest.mark.parametrize("name", ["phi3", "qwen3_moe"])
def test_blocks_of_quantised_joined_and_stacked_tensors_are_theirs(name, tmp_path):
    tiny.write(tmp_path, name)
    kind = gguf.GGMLQuantizationType.Q8_0
    write(tmp_path / "m.gguf", tmp_path, FILES[name][0], quantise=kind)
    read, wanted = paths(load(tmp_path / "m.gguf")[1]), paths(load_directory(tmp_path)[2])
    quantised = 0
    for path, leaf in wanted.items():
        error = np.abs(np.asarray(read[path]) - leaf).max() / np.abs(leaf).max()
        assert error <= 0.01, path
        quantised += error > 0
    assert quantised >= 7


def test_a_factor_on_longrope_that_is_not_the_usual_one_is_taken(tmp_path):
    tiny.write(tmp_path, "phi3-longrope")
    write(tmp_path / "m.gguf", tmp_path, "PHI3", {"rope.scaling.attn_factor": 1.5})
    rope = GgufFile(tmp_path / "m.gguf").config.rope
    wanted = load_directory(tmp_path)[0].rope
    assert wanted.attention_factor is None
    assert rope == dataclasses.replace(wanted, attention_factor=1.5)


def test_an_olmo_3_that_says_no_pattern_sees_everything_in_every_fourth_layer(tmp_path):
    kinds = ["sliding_attention"] * 3 + ["full_attention"]
    tiny.write(tmp_path, "olmo3", num_hidden_layers=4, layer_types=kinds)
    wanted = load_directory(tmp_path)[0]
    for more in ({"attention.sliding_window_pattern": None}, {}):
        write(tmp_path / "m.gguf", tmp_path, "OLMO2", more)
        assert GgufFile(tmp_path / "m.gguf").config == wanted
    write(tmp_path / "m.gguf", tmp_path, "OLMO2", {"attention.sliding_window_pattern": 2})
    config = GgufFile(tmp_path / "m.gguf").config
    assert config.layer_types == ("sliding", "full", "sliding", "full")


@pytest.mark.parametrize(
    "name, more, without, field",
    [
        ("phi3-longrope", {}, (SHORT,), SHORT),
        ("phi3-longrope", {"rope.scaling.type": "longrope"}, (LONG, SHORT), LONG),
        ("olmo3", {"rope.scaling.yarn_attn_factor": 1.0}, (), "yarn_attn_factor"),
        ("olmo3", {"rope.scaling.yarn_ext_factor": 0.5}, (), "yarn_ext_factor"),
        ("olmo3", {"rope.scaling.yarn_log_multiplier": 0.1}, (), "yarn_log_multiplier"),
        ("olmo2", {"expert_count": 4}, (), "expert_count"),
    ],
)
def test_what_would_change_the_numbers_is_refused_by_field(name, more, without, field, tmp_path):
    tiny.write(tmp_path, name)
    architecture = "PHI3" if name.startswith("phi3") else "OLMO2"
    write(tmp_path / "m.gguf", tmp_path, architecture, more, without)
    with pytest.raises(InputError) as error:
        GgufFile(tmp_path / "m.gguf")
    assert error.value.field.endswith(field) and error.value.remedy
    assert "\n" not in str(error.value)


def test_attn_factor_of_a_converted_yarn_is_passed_over_as_in_the_directory(tmp_path):
    tiny.write(tmp_path, "olmo3")
    more = {"rope.scaling.yarn_attn_factor": 1 / (1 + 0.1 * math.log(4))}
    write(tmp_path / "m.gguf", tmp_path, "OLMO2", more)
    assert GgufFile(tmp_path / "m.gguf").config == load_directory(tmp_path)[0]
