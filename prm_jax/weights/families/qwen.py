"""Qwen 2 (with 2.5), Qwen 3 and Qwen 3 with experts."""

from prm_jax.errors import InputError
from prm_jax.weights.families.record import Family, Gguf, listed_layer_types
from prm_jax.weights.families.rows import ATTENTION, EMBEDDINGS, EXPERTS, PRE_NORM, QK_NORM
from prm_jax.weights.families.rows import LLAMA as ROWS

EXPERT_COUNTS = ("num_experts", "num_local_experts")
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


def read_qwen3_moe(fields):
    """Every layer with experts; transformers 5 writes their number under another name.

    Raises:
        InputError: some layers have a dense mlp.
    """
    sparse_step, dense = fields.get("decoder_sparse_step"), fields.get("mlp_only_layers")
    for field, mixed in (("decoder_sparse_step", sparse_step != 1), ("mlp_only_layers", dense)):
        if mixed:
            raise InputError(
                "layers with experts and layers without, in one model, are not supported",
                field=field,
                remedy="the published Qwen3-MoE models have experts in every layer",
            )
    counts = [fields.get(name) for name in EXPERT_COUNTS if fields.get(name) is not None]
    if any(count != counts[0] for count in counts):
        raise InputError(
            f"says {counts[0]}, and {EXPERT_COUNTS[1]} says {counts[1]}", field=EXPERT_COUNTS[0]
        )
    return read_qwen3(fields) | {
        "n_experts": fields.integer(EXPERT_COUNTS[0], counts[0] if counts else 128),
        "experts_per_token": fields.integer("num_experts_per_tok"),
        "d_expert": fields.integer("moe_intermediate_size"),
        "normalise_routing": bool(fields.get("norm_topk_prob")),
    }


def gguf_values(file, values):
    """The sizes of experts; llama.cpp normalises their weights in every file of this family."""
    return {
        "num_experts": file.field("expert_count"),
        "num_experts_per_tok": file.field("expert_used_count"),
        "moe_intermediate_size": file.field("expert_feed_forward_length"),
        "norm_topk_prob": True,
    }


def write_qwen3_moe(config):
    """The inverse of `read_qwen3_moe`."""
    return {
        **dict.fromkeys(EXPERT_COUNTS, config.n_experts),
        "num_experts_per_tok": config.experts_per_token,
        "moe_intermediate_size": config.d_expert,
        "norm_topk_prob": config.normalise_routing,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "output_router_logits": False,
        "attention_bias": config.qkv_bias,
    } | write_windows(config)


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


def qwen3_moe_layer_types(fields, n_layers):
    """All layers slide, or none: transformers 5 does not look at `max_window_layers` here."""
    sliding = fields.get("use_sliding_window") and fields.get("sliding_window")
    return ("sliding" if sliding else "full",) * n_layers


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
# Its files know one window for all layers, or none.
QWEN3_MOE = Family(
    name="qwen3_moe",
    class_prefix="Qwen3Moe",
    model_types=("qwen3_moe",),
    rows=EMBEDDINGS + ATTENTION + QK_NORM + EXPERTS + PRE_NORM,
    defaults={
        "rms_norm_eps": 1e-6,
        "num_attention_heads": 32,
        "num_key_value_heads": 4,
        "max_position_embeddings": 32768,
        "sliding_window": 4096,
        "decoder_sparse_step": 1,
        "num_experts_per_tok": 8,
        "moe_intermediate_size": 768,
    },
    read=read_qwen3_moe,
    write=write_qwen3_moe,
    layer_types=qwen3_moe_layer_types,
    reads=frozenset(EXPERT_COUNTS),
    gguf=Gguf("qwen3moe", gguf_values),
)
