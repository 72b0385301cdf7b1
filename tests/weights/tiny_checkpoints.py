"""Tiny random Hugging Face checkpoints, written by transformers, and their reference outputs."""

import json

import numpy as np

SIZES = dict(
    vocab_size=96,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    tie_word_embeddings=False,
)
GEMMA = dict(head_dim=16, sliding_window=6, query_pre_attn_scalar=12, tie_word_embeddings=True)
EXPERTS = dict(head_dim=16, num_experts=8, num_experts_per_tok=3, moe_intermediate_size=24)
LLAMA3 = dict(rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0)
LLAMA3 |= dict(original_max_position_embeddings=16)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16)

LONGROPE = dict(
    rope_type="longrope",
    short_factor=[1.0, 1.1, 1.3],
    long_factor=[1.5, 2.5, 4.0],
    original_max_position_embeddings=16,
)

# name: (class prefix, configuration, RoPE of full layers, RoPE of sliding layers)
VARIANTS = {
    "llama": ("Llama", dict(), dict(rope_theta=5e5), None),
    "llama-linear": ("Llama", dict(), dict(rope_theta=1e4, rope_type="linear", factor=3.0), None),
    "llama-llama3": ("Llama", dict(tie_word_embeddings=True), dict(rope_theta=5e5) | LLAMA3, None),
    "llama-yarn": ("Llama", dict(), dict(rope_theta=1e4) | YARN, None),
    "llama-biases": (
        "Llama",
        dict(attention_bias=True, mlp_bias=True, head_dim=12),
        dict(rope_theta=1e4),
        None,
    ),
    "mistral": ("Mistral", dict(sliding_window=7), dict(rope_theta=1e4), None),
    "qwen2": ("Qwen2", dict(tie_word_embeddings=True), dict(rope_theta=1e6), None),
    "qwen2-sliding-yarn": (
        "Qwen2",
        dict(use_sliding_window=True, sliding_window=5, max_window_layers=1),
        dict(rope_theta=1e6, beta_fast=16.0, attention_factor=1.1) | YARN,
        None,
    ),
    "qwen3": ("Qwen3", dict(head_dim=16), dict(rope_theta=1e6), None),
    "qwen3_moe": ("Qwen3Moe", EXPERTS | dict(norm_topk_prob=True), dict(rope_theta=1e6), None),
    "qwen3_moe-sliding": (
        "Qwen3Moe",
        EXPERTS | dict(use_sliding_window=True, sliding_window=5, tie_word_embeddings=True),
        dict(rope_theta=1e4) | YARN,
        None,
    ),
    "qwen3_5": (
        "Qwen3_5Text",
        dict(
            num_hidden_layers=4,
            head_dim=16,
            linear_num_key_heads=2,
            linear_num_value_heads=4,
            linear_key_head_dim=8,
            linear_value_head_dim=12,
            layer_types=["linear_attention", "full_attention"] * 2,
        ),
        dict(rope_theta=1e6, partial_rotary_factor=0.5, mrope_section=[2, 1, 1]),
        None,
    ),
    "gemma2": (
        "Gemma2",
        GEMMA | dict(attn_logit_softcapping=5.0, final_logit_softcapping=8.0),
        dict(rope_theta=1e4),
        None,
    ),
    "gemma3": (
        "Gemma3Text",
        GEMMA | dict(layer_types=["sliding_attention", "full_attention", "sliding_attention"]),
        dict(rope_theta=1e6, rope_type="linear", factor=8.0),
        dict(rope_theta=1e4, rope_type="default"),
    ),
    "phi3": ("Phi3", dict(sliding_window=7, pad_token_id=0), dict(rope_theta=1e4), None),
    "phi3-longrope": (
        "Phi3",
        dict(original_max_position_embeddings=16, pad_token_id=0, partial_rotary_factor=0.75),
        dict(rope_theta=1e4) | LONGROPE,
        None,
    ),
    "olmo2": ("Olmo2", dict(), dict(rope_theta=5e5), None),
    "olmo3": (
        "Olmo3",
        dict(
            sliding_window=6,
            layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        ),
        dict(rope_theta=5e5) | YARN,
        dict(rope_theta=5e5, rope_type="default"),
    ),
}


def configuration(name, **more):
    """A transformers configuration of the variant."""
    import transformers

    prefix, values, full, sliding = VARIANTS[name]
    rope = {"rope_type": "default"} | full
    if sliding is not None:
        rope = {"full_attention": rope, "sliding_attention": sliding}
    values = SIZES | values | dict(rope_parameters=rope) | more
    return getattr(transformers, prefix + "Config")(**values)


def write(directory, name, suffix="ForCausalLM", **more):
    """Makes a random model of the variant, writes it to `directory` and returns it."""
    import torch
    import transformers

    config = configuration(name, **more)
    prefix = VARIANTS[name][0]
    if suffix == "ForCausalLM":
        prefix = prefix.removesuffix("Text")
    torch.manual_seed(0)
    model = getattr(transformers, prefix + suffix)._from_config(
        config, attn_implementation="eager", dtype=torch.float32
    )
    randomise(model)
    model.save_pretrained(directory)
    return model.eval()


def randomise(model):
    """Gives every parameter values large enough that a mistake in its use shows in the logits."""
    import torch

    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(name)))
            if parameter.ndim == 2:
                parameter.copy_(noise * parameter.shape[1] ** -0.5)
            else:
                parameter.add_(noise * 0.2)


def tokens(rows=2, length=20):
    """Token ids i32[rows, length]."""
    return np.random.default_rng(1).integers(0, SIZES["vocab_size"], (rows, length), dtype=np.int32)


def logits(model):
    """The reference logits of `tokens()`, float32."""
    import torch

    with torch.no_grad():
        return model(torch.from_numpy(tokens()).long()).logits.numpy()


def to_transformers_4(directory, name):
    """Rewrites `config.json` the way transformers 4 lays it out."""
    _, _, full, sliding = VARIANTS[name]
    path = directory / "config.json"
    values = json.loads(path.read_text())
    kinds = values.pop("layer_types", None)
    for field in ("rope_parameters", "dtype"):
        values.pop(field, None)
    values["torch_dtype"] = "float32"
    if "num_local_experts" in values:
        values["num_experts"] = values.pop("num_local_experts")
    scaling = {key: value for key, value in full.items() if key != "rope_theta"}
    if "rope_type" in scaling and name == "llama-linear":
        scaling["type"] = scaling.pop("rope_type")  # the oldest spelling
    values |= {"rope_theta": full["rope_theta"], "rope_scaling": scaling or None}
    if name in ("olmo3", "qwen3_5"):
        values["layer_types"] = kinds
    elif sliding is not None:
        values |= {"rope_local_base_freq": sliding["rope_theta"], "sliding_window_pattern": 2}
    path.write_text(json.dumps(values))
