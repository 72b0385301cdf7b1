"""OLMo 2 and 3: norms only after attention and mlp, and one over all query heads and all key heads;
OLMo 3 has sliding layers, and scales the rotary embedding of the others only."""

from prm_jax.weights.families.record import Family, Gguf, listed_layer_types
from prm_jax.weights.families.rows import ATTENTION, EMBEDDINGS, MLP, Row

ROWS = (
    *EMBEDDINGS,
    *ATTENTION,
    *MLP,
    Row("layers_0/attn/q_norm/scale", "model.layers.{}.self_attn.q_norm.weight", "(n h) -> n h"),
    Row("layers_0/attn/k_norm/scale", "model.layers.{}.self_attn.k_norm.weight", "(k h) -> k h"),
    Row(
        "layers_0/post_attn_norm/scale",
        "model.layers.{}.post_attention_layernorm.weight",
        "d -> d",
    ),
    Row(
        "layers_0/post_mlp_norm/scale",
        "model.layers.{}.post_feedforward_layernorm.weight",
        "d -> d",
    ),
)
DEFAULTS = {
    "vocab_size": 50304,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "rms_norm_eps": 1e-5,
    "max_position_embeddings": 2048,
}


def read(fields):
    """Where the norms are, and that they round late; biases where the file says so."""
    bias = bool(fields.get("attention_bias"))
    return {
        "qkv_bias": bias,
        "o_bias": bias,
        "qk_norm_whole": True,
        "pre_norms": False,
        "post_norms": True,
        "late_rounding": True,
    }


def write(config):
    """The inverse of `read`."""
    return {"attention_bias": config.qkv_bias}


def layer_types(fields, n_layers):
    """Every fourth layer of OLMo 3 sees everything."""
    return tuple("full" if (i + 1) % 4 == 0 else "sliding" for i in range(n_layers))


def gguf_values(file, values):
    """llama.cpp calls both OLMo 2; a window makes it OLMo 3."""
    window = file.field("attention.sliding_window")
    if not window:
        return {}
    pattern = file.field("attention.sliding_window_pattern", 4)
    if not isinstance(pattern, list):  # every so many layers one sees everything
        pattern = [(i + 1) % pattern != 0 for i in range(values["num_hidden_layers"])]
    kinds = ("full_attention", "sliding_attention")
    return {
        "model_type": "olmo3",
        "sliding_window": window,
        "layer_types": [kinds[bool(sliding)] for sliding in pattern],
        "rope_local_base_freq": file.decimal("rope.freq_base_swa", values["rope_theta"]),
    }


OLMO2 = Family(
    name="olmo2",
    class_prefix="Olmo2",
    model_types=("olmo2",),
    rows=ROWS,
    defaults=DEFAULTS,
    read=read,
    write=write,
    gguf=Gguf("olmo2", gguf_values),
)
OLMO3 = Family(
    name="olmo3",
    class_prefix="Olmo3",
    model_types=("olmo3",),
    rows=ROWS,
    defaults=DEFAULTS | {"sliding_window": 4096, "rope_theta": 500_000.0},
    read=read,
    write=lambda config: (
        write(config)
        | {"sliding_window": config.sliding_window, "layer_types": listed_layer_types(config)}
    ),
    layer_types=layer_types,
    rope_by_layer_type=True,
)
