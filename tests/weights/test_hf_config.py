"""What a configuration means where it is silent, and what publishers leave out."""

import json

import pytest

from prm_jax.errors import InputError
from prm_jax.models import DecoderConfig, Rope
from prm_jax.weights.hf_config import read_config

SIZES = {
    "vocab_size": 1000,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 8,
    "num_attention_heads": 32,
}
CLASSES = {
    "llama": "LlamaConfig",
    "mistral": "MistralConfig",
    "qwen2": "Qwen2Config",
    "qwen3": "Qwen3Config",
    "qwen3_5_text": "Qwen3_5TextConfig",
    "gemma2": "Gemma2Config",
    "gemma3_text": "Gemma3TextConfig",
}


@pytest.mark.parametrize("model_type", CLASSES)
def test_silence_means_what_it_means_to_transformers(model_type):
    transformers = pytest.importorskip("transformers")
    full = getattr(transformers, CLASSES[model_type])(**SIZES).to_dict()
    full["num_key_value_heads"] = full["num_key_value_heads"] or SIZES["num_attention_heads"]
    silent = read_config(SIZES | {"model_type": model_type}, "config.json")
    assert silent == read_config(json.loads(json.dumps(full)), "config.json")


def test_a_multimodal_gemma_3_that_leaves_out_most_of_its_text_part():
    transformers = pytest.importorskip("transformers")
    text = {
        "model_type": "gemma3_text",
        "hidden_size": 2560,
        "intermediate_size": 10240,
        "num_hidden_layers": 34,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
        "sliding_window": 1024,
    }
    config = read_config({"model_type": "gemma3", "text_config": text}, "config.json")
    full = transformers.Gemma3TextConfig(**text).to_dict()
    assert config == read_config(json.loads(json.dumps(full)), "config.json")
    assert config.layer_types[4:7] == ("sliding", "full", "sliding")
    assert config.rope == Rope(1_000_000.0, "linear", factor=8.0)
    assert config.rope_sliding == Rope(10_000.0)


def test_the_configuration_of_a_published_process_reward_model():
    values = {
        "architectures": ["Qwen2ForProcessRewardModel"],
        "auto_map": {"AutoModel": "modeling_qwen2_rm.Qwen2ForProcessRewardModel"},
        "attention_dropout": 0.0,
        "bos_token_id": 151643,
        "hidden_act": "silu",
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "max_position_embeddings": 4096,
        "max_window_layers": 28,
        "model_type": "qwen2",
        "num_attention_heads": 28,
        "num_hidden_layers": 28,
        "num_key_value_heads": 4,
        "rms_norm_eps": 1e-06,
        "rope_theta": 10000.0,
        "sliding_window": None,
        "tie_word_embeddings": False,
        "use_sliding_window": False,
        "vocab_size": 152064,
    }
    assert read_config(values, "config.json") == DecoderConfig(
        family="qwen2",
        vocab_size=152064,
        d_model=3584,
        n_layers=28,
        n_heads=28,
        n_kv_heads=4,
        head_dim=128,
        d_ff=18944,
        norm_eps=1e-6,
        qkv_bias=True,
        max_position=4096,
    )


def test_yarn_without_a_factor_stretches_the_original_context():
    rope = {"rope_type": "yarn", "original_max_position_embeddings": 1024, "rope_theta": 5e5}
    values = SIZES | {"model_type": "llama", "max_position_embeddings": 4096}
    config = read_config(values | {"rope_parameters": rope}, "config.json")
    assert config.rope == Rope(5e5, "yarn", factor=4.0, original_max_position=1024)


def test_attn_factor_is_passed_over_as_transformers_does():
    rope = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}
    values = SIZES | {"model_type": "qwen2", "max_position_embeddings": 512}
    plain = read_config(values | {"rope_scaling": rope}, "config.json")
    assert read_config(values | {"rope_scaling": rope | {"attn_factor": 0.88}}, "c") == plain


@pytest.mark.parametrize("model_type", ["olmo3", "gemma3_text", "llama"])
def test_a_ramp_that_transformers_4_and_5_round_differently_is_refused(model_type):
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}
    loose, values = yarn | {"truncate": False}, SIZES | {"model_type": model_type}
    nested = {"full_attention": loose, "sliding_attention": {"rope_type": "default"}}
    for layout in ({"rope_parameters": nested}, {"rope_scaling": loose}):
        if model_type == "llama" and "rope_scaling" in layout:
            assert not read_config(values | layout, "config.json").rope.truncate
            continue
        with pytest.raises(InputError, match="layer type.*set it to true") as error:
            read_config(values | layout, "config.json")
        assert error.value.field == "truncate"
    nested = {"full_attention": yarn | {"truncate": True}, "sliding_attention": {}}
    assert read_config(values | {"rope_parameters": nested}, "config.json").rope.truncate
    with pytest.raises(InputError, match="has truncate beside its layer types"):
        read_config(values | {"rope_parameters": nested | {"truncate": False}}, "config.json")


def test_dynamic_scaling_begins_at_the_longest_position():
    values = SIZES | {"model_type": "qwen2", "max_position_embeddings": 512}
    scaling = {"type": "dynamic", "factor": 2.0}
    config = read_config(values | {"rope_scaling": scaling}, "config.json")
    assert config.rope == Rope(kind="dynamic", factor=2.0, original_max_position=512)


@pytest.mark.parametrize(
    "rope, field",
    [
        ({"rope_type": "ntk", "factor": 2.0}, "rope_type"),
        ({"rope_type": "yarn", "factor": "4"}, "factor"),
        ({"rope_type": "dynamic"}, "factor"),
        ({"rope_type": "linear", "factor": 2.0, "alpha": 3}, "rope_scaling"),
        ({"rope_type": "longrope", "short_factor": 1}, "short_factor"),
        ({"rope_type": "default", "partial_rotary_factor": 0.5}, "partial_rotary_factor"),
        ("yarn", "rope_scaling"),
    ],
)
def test_what_a_rotary_embedding_cannot_be_is_refused_with_a_remedy(rope, field):
    values = SIZES | {"model_type": "qwen2", "rope_scaling": rope}
    with pytest.raises(InputError) as error:
        read_config(values, "config.json")
    assert error.value.field == field and error.value.remedy
    assert "\n" not in str(error.value)
