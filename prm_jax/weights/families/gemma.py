"""Gemma 2 and the text part of Gemma 3, whose multimodal files leave out most of it."""

import functools

from prm_jax.weights.families.record import Family, Gguf, listed_layer_types
from prm_jax.weights.families.rows import ATTENTION, EMBEDDINGS, MLP, QK_NORM, SANDWICH_NORM

ROWS = EMBEDDINGS + ATTENTION + QK_NORM + MLP + SANDWICH_NORM
DEFAULTS = {
    "rms_norm_eps": 1e-6,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "hidden_activation": "gelu_pytorch_tanh",
    "tie_word_embeddings": True,
    "query_pre_attn_scalar": 256,
    "sliding_window": 4096,
}


def read(fields):
    """What sets Gemma apart: norms with an offset of one on both sides of every block, scaled
    embeddings, its own factor on the scores, soft caps."""
    bias = bool(fields.get("attention_bias"))
    return {
        "qkv_bias": bias,
        "o_bias": bias,
        "norm_offset": True,
        "post_norms": True,
        "scale_embeddings": True,
        "query_scale": fields.needed("query_pre_attn_scalar") ** -0.5,
        "attention_softcap": fields.get("attn_logit_softcapping"),
        "final_softcap": fields.get("final_logit_softcapping"),
    }


def write(config):
    """The inverse of `read`."""
    scalar = (config.query_scale or config.head_dim**-0.5) ** -2
    exact = round(scalar) ** -0.5 == config.query_scale
    return {
        "attention_bias": config.qkv_bias,
        "layer_types": listed_layer_types(config),
        "query_pre_attn_scalar": round(scalar) if exact else scalar,
        "hidden_activation": "gelu_pytorch_tanh" if config.activation == "gelu_tanh" else "silu",
        "attn_logit_softcapping": config.attention_softcap,
        "final_logit_softcapping": config.final_softcap,
        "sliding_window": config.sliding_window,
    }


def layer_types(fields, n_layers, period):
    """Every `period`-th layer sees everything, unless the file says another period."""
    period = fields.get("sliding_window_pattern") or fields.get("_sliding_window_pattern") or period
    return tuple("full" if (i + 1) % period == 0 else "sliding" for i in range(n_layers))


def gguf_values(file, values, n_layers_27b):
    """What only Gemma's GGUF files hold, or leave to the reader's knowledge: the largest models
    scale queries by d_model / n_heads, as llama.cpp assumes."""
    scalar = values["head_dim"] or 256
    if values["num_hidden_layers"] == n_layers_27b:
        scalar = values["hidden_size"] // values["num_attention_heads"]
    pattern = file.field("attention.sliding_window_pattern")
    listed = isinstance(pattern, list)
    kinds = ("full_attention", "sliding_attention")
    return {
        "query_pre_attn_scalar": scalar,
        "sliding_window": file.field("attention.sliding_window"),
        "layer_types": [kinds[bool(sliding)] for sliding in pattern] if listed else None,
        "sliding_window_pattern": None if listed else pattern,
        "attn_logit_softcapping": file.decimal("attn_logit_softcapping"),
        "final_logit_softcapping": file.decimal("final_logit_softcapping"),
        "rope_local_base_freq": file.decimal("rope.freq_base_swa"),
    }


GEMMA2 = Family(
    name="gemma2",
    class_prefix="Gemma2",
    model_types=("gemma2",),
    rows=ROWS,
    defaults=DEFAULTS
    | {
        "vocab_size": 256000,
        "max_position_embeddings": 8192,
        "attn_logit_softcapping": 50.0,
        "final_logit_softcapping": 30.0,
    },
    read=read,
    write=write,
    layer_types=functools.partial(layer_types, period=2),
    gguf=Gguf("gemma2", functools.partial(gguf_values, n_layers_27b=46)),
)
GEMMA3 = Family(
    name="gemma3",
    class_prefix="Gemma3",
    model_types=("gemma3_text", "gemma3"),
    rows=ROWS,
    defaults=DEFAULTS
    | {
        "vocab_size": 262208,
        "max_position_embeddings": 131072,
        "rope_theta": 1_000_000.0,
        "rope_local_base_freq": 10_000.0,
    },
    read=lambda fields: read(fields) | {"qk_norm": True},
    write=write,
    layer_types=functools.partial(layer_types, period=6),
    rope_by_layer_type=True,
    gguf=Gguf("gemma3", functools.partial(gguf_values, n_layers_27b=62)),
)
