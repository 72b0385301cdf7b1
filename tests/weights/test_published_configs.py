"""The configurations that Phi-3/4, OLMo 2/3 and Qwen3 models were published with, read as written.

Fields that concern no number of the decoder (token ids, dropout, classes) are left out. Found
quoted in public code, whole: Phi-3-mini-4k, Phi-3-medium-4k, Phi-3.5-mini, Phi-4, Phi-4-mini,
Qwen3-30B-A3B, Qwen3-235B-A22B-Thinking-2507, DeepSeek-R1-0528-Qwen3-8B. Found in part: OLMo-2 (all
sizes), OLMo-3 (sizes, windows and RoPE), Phi-3-mini-128k (kind 'su', contexts, long divisors).
From memory: `intermediate_size` of OLMo-2-1B, and all that sets Phi-4-reasoning apart from Phi-4.
Long lists of divisors are made up with the right length and range: their values are plain data.
"""

import json

import numpy as np
import pytest

from prm_jax.models.rope import inverse_frequencies
from prm_jax.weights.hf_config import read_config, write_config

transformers = pytest.importorskip("transformers")


def su(n_short, kind="longrope"):
    longer, shorter = np.linspace(1.05, 64.8, n_short), np.linspace(1.0, 2.84, n_short)
    return {"type": kind, "long_factor": longer.tolist(), "short_factor": shorter.tolist()}


def sized(d_model, d_ff, n_layers, heads, kv_heads, vocabulary, **more):
    return {
        "hidden_size": d_model,
        "intermediate_size": d_ff,
        "num_hidden_layers": n_layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": vocabulary,
        "hidden_act": "silu",
        "attention_bias": False,
        "tie_word_embeddings": False,
    } | more


PHI = {"model_type": "phi3", "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "rope_scaling": None}
PHI |= {"embd_pdrop": 0.0, "resid_pdrop": 0.0, "original_max_position_embeddings": 4096}
PHI_14B = (5120, 17920, 40, 40, 10, 100352)
LONG = {"max_position_embeddings": 131072, "sliding_window": 262144}
SHORT = {"max_position_embeddings": 4096, "sliding_window": 2047}
MINI = sized(3072, 8192, 32, 32, 32, 32064)
MEDIUM = sized(5120, 17920, 40, 40, 10, 32064)
PHI_4 = {"rope_theta": 250000, "max_position_embeddings": 16384, "sliding_window": None}
PHI_4 |= {"original_max_position_embeddings": 16384}
PHI_4_MINI = sized(3072, 8192, 32, 24, 8, 200064, tie_word_embeddings=True) | {
    "full_attn_mod": 1,
    "interpolate_factor": 1,
    "lm_head_bias": False,
    "mlp_bias": False,
    "partial_rotary_factor": 0.75,
    "rope_scaling": su(48),
}
OLMO_2 = {"model_type": "olmo2", "max_position_embeddings": 4096, "rms_norm_eps": 1e-6}
OLMO_2 |= {"rope_scaling": None, "rope_theta": 500000}
OLMO_3 = OLMO_2 | {
    "model_type": "olmo3",
    "max_position_embeddings": 65536,
    "sliding_window": 4096,
    "rope_scaling": {
        "attention_factor": 1.2079441541679836,
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "factor": 8.0,
        "original_max_position_embeddings": 8192,
        "rope_type": "yarn",
    },
}
PATTERN = ["sliding_attention"] * 3 + ["full_attention"]
QWEN = {"rms_norm_eps": 1e-6, "rope_scaling": None, "sliding_window": None, "head_dim": 128}
QWEN |= {"use_sliding_window": False}
EXPERTS = QWEN | {
    "model_type": "qwen3_moe",
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
    "norm_topk_prob": True,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "output_router_logits": False,
    "router_aux_loss_coef": 0.001,
}

# name: (class in transformers, the file, what must come out)
PUBLISHED = {
    "Phi-3-mini-4k": ("Phi3", PHI | MINI | SHORT, dict(head_dim=96, sliding_window=2047)),
    "Phi-3-mini-128k, April 2024": (
        "Phi3",
        PHI | MINI | LONG | {"rope_scaling": su(48, "su")},
        dict(head_dim=96, max_position=131072),
    ),
    "Phi-3-medium-4k": ("Phi3", PHI | MEDIUM | SHORT, dict(head_dim=128, n_kv_heads=10)),
    "Phi-3-medium-128k": ("Phi3", PHI | MEDIUM | LONG | {"rope_scaling": su(64, "su")}, {}),
    "Phi-3.5-mini": ("Phi3", PHI | MINI | LONG | {"rope_scaling": su(48)}, dict(tied=False)),
    "Phi-4": ("Phi3", PHI | sized(*PHI_14B) | PHI_4, dict(sliding_window=None, layer_types=())),
    "Phi-4-reasoning": (
        "Phi3",
        PHI
        | sized(*PHI_14B)
        | PHI_4
        | {
            "rope_theta": 500000,
            "max_position_embeddings": 32768,
            "original_max_position_embeddings": 32768,
        },
        dict(max_position=32768),
    ),
    "Phi-4-mini": ("Phi3", PHI | PHI_4_MINI | LONG, dict(head_dim=128, tied=True, n_kv_heads=8)),
    "OLMo-2-0425-1B": ("Olmo2", OLMO_2 | sized(2048, 8192, 16, 16, 16, 100352), {}),
    "OLMo-2-1124-7B": ("Olmo2", OLMO_2 | sized(4096, 11008, 32, 32, 32, 100352), {}),
    "OLMo-2-1124-13B": ("Olmo2", OLMO_2 | sized(5120, 13824, 40, 40, 40, 100352), {}),
    "OLMo-2-0325-32B": (
        "Olmo2",
        OLMO_2 | sized(5120, 27648, 64, 40, 8, 100352),
        dict(head_dim=128, pre_norms=False, post_norms=True, qk_norm_whole=True),
    ),
    "Olmo-3-1025-7B": (
        "Olmo3",
        OLMO_3 | sized(4096, 11008, 32, 32, 32, 100278, layer_types=PATTERN * 8),
        dict(sliding_window=4096, layer_types=("sliding", "sliding", "sliding", "full") * 8),
    ),
    "Olmo-3.1-32B": (
        "Olmo3",
        OLMO_3 | sized(5120, 27648, 64, 40, 8, 100278, layer_types=PATTERN * 16),
        dict(layer_types=("sliding", "sliding", "sliding", "full") * 16),
    ),
    "Qwen3-30B-A3B": (
        "Qwen3Moe",
        EXPERTS
        | sized(2048, 6144, 48, 32, 4, 151936, moe_intermediate_size=768, max_window_layers=48)
        | {"rope_theta": 1000000.0, "max_position_embeddings": 40960},
        dict(n_experts=128, experts_per_token=8, d_expert=768, normalise_routing=True),
    ),
    "Qwen3-235B-A22B-Thinking-2507": (
        "Qwen3Moe",
        EXPERTS
        | sized(4096, 12288, 94, 64, 4, 151936, moe_intermediate_size=1536, max_window_layers=94)
        | {"rope_theta": 5000000, "max_position_embeddings": 262144},
        dict(d_expert=1536, sliding_window=None, head_dim=128),
    ),
    "DeepSeek-R1-0528-Qwen3-8B": (
        "Qwen3",
        QWEN
        | sized(4096, 12288, 36, 32, 8, 151936, max_window_layers=36)
        | {
            "model_type": "qwen3",
            "rope_theta": 1000000,
            "max_position_embeddings": 131072,
            "rope_scaling": {
                "rope_type": "yarn",
                "factor": 4.0,
                "original_max_position_embeddings": 32768,
                "attn_factor": 0.8782488562869419,
            },
        },
        dict(qk_norm=True, layer_types=()),
    ),
}


def rotary(prefix, config):
    """{layer type or '': (frequencies, factor on cos and sin)} of transformers' own module."""
    module = getattr(transformers, prefix + "Config").__module__.replace(
        "configuration", "modeling"
    )
    module = __import__(module, fromlist=["_"])
    layer = getattr(module, prefix + "RotaryEmbedding")(config)
    kinds = ("full_attention_", "sliding_attention_") if prefix == "Olmo3" else ("",)
    return {
        kind: (getattr(layer, f"{kind}inv_freq"), getattr(layer, f"{kind}attention_scaling"))
        for kind in kinds
    }


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_configuration_is_read_as_transformers_reads_it(name):
    prefix, file, fields = PUBLISHED[name]
    config = read_config(json.loads(json.dumps(file)), "config.json")
    assert {field: getattr(config, field) for field in fields} == fields
    # Transformers 5 turns 'su' into 'longrope' only after it has missed the original context.
    renamed = json.dumps(file).replace('"type": "su"', '"type": "longrope"')
    theirs = getattr(transformers, prefix + "Config")(**json.loads(renamed))
    newer = json.loads(json.dumps(theirs.to_dict()))
    assert read_config(newer, "config.json") == config
    assert read_config(json.loads(json.dumps(write_config(config))), "config.json") == config
    for kind, (wanted, factor) in rotary(prefix, theirs).items():
        rope = config.rope_sliding if kind == "sliding_attention_" else config.rope
        frequencies, found = inverse_frequencies(rope, config.head_dim)
        np.testing.assert_allclose(frequencies, wanted.numpy(), rtol=1e-6)
        assert found == pytest.approx(factor, rel=1e-12)
