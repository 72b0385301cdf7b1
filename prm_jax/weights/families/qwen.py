"""Qwen 2 (with 2.5) and Qwen 3."""

from prm_jax.weights.families.record import Family, Gguf, listed_layer_types
from prm_jax.weights.families.rows import LLAMA as ROWS

DEFAULTS = {
    "rms_norm_eps": 1e-6,
    "num_key_value_heads": 32,
    "max_position_embeddings": 32768,
    "sliding_window": 4096,
    "max_window_layers": 28,
}


def read_qwen2(fields):
    """Biases on queries, keys and values only."""
    return {"qkv_bias": bool(fields.get("attention_bias"))}


def read_qwen3(fields):
    """A norm over each query and key head."""
    bias = bool(fields.get("attention_bias"))
    return {"qkv_bias": bias, "o_bias": bias, "qk_norm": True}


def write_windows(config):
    """The sliding layers, also for transformers 4, which knew only "from this layer on"."""
    return {
        "use_sliding_window": config.sliding_window is not None,
        "sliding_window": config.sliding_window,
        "layer_types": listed_layer_types(config),
        "max_window_layers": config.sliding_layers.count(False),
    }


def layer_types(fields, n_layers):
    """The upper layers slide, from `max_window_layers` on, where sliding is switched on."""
    first = fields.get("max_window_layers") if fields.get("use_sliding_window") else n_layers
    return tuple("sliding" if layer >= first else "full" for layer in range(n_layers))


QWEN2 = Family(
    name="qwen2",
    class_prefix="Qwen2",
    model_types=("qwen2",),
    rows=ROWS,
    defaults=DEFAULTS | {"attention_bias": True},
    read=read_qwen2,
    write=write_windows,
    layer_types=layer_types,
    gguf=Gguf("qwen2"),
)
QWEN3 = Family(
    name="qwen3",
    class_prefix="Qwen3",
    model_types=("qwen3",),
    rows=ROWS,
    defaults=DEFAULTS | {"head_dim": 128},
    read=read_qwen3,
    write=lambda config: {"attention_bias": config.qkv_bias} | write_windows(config),
    layer_types=layer_types,
    gguf=Gguf("qwen3"),
)
