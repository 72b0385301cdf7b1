"""Phi-3, 3.5, 4 and 4-mini: Llama with queries, keys and values stored as one tensor, gate and up
as another, part of each head rotated (4-mini), and LongRoPE."""

from prm_jax.weights.families.record import Family, Gguf
from prm_jax.weights.families.rows import (
    ATTENTION,
    EMBEDDINGS,
    GGUF_NAMES,
    MLP,
    PRE_NORM,
    joined,
)

QUERY, KEY, VALUE, OUT = ATTENTION[:4]
GATE, UP, DOWN = MLP[:3]
ROWS = (
    EMBEDDINGS
    + joined("model.layers.{}.self_attn.qkv_proj.weight", (QUERY, KEY, VALUE))
    + joined("model.layers.{}.mlp.gate_up_proj.weight", (GATE, UP))
    + (OUT, DOWN, *PRE_NORM)
)
GGUF = GGUF_NAMES | {row.path: "blk.{}.attn_qkv.weight" for row in (QUERY, KEY, VALUE)}
GGUF |= {row.path: "blk.{}.ffn_up.weight" for row in (GATE, UP)}


def write(config):
    """What Phi's files say beside the shared fields."""
    original = config.rope.original_max_position or config.max_position
    return {
        # Silence means token 32000 to transformers, which a smaller vocabulary does not have.
        "pad_token_id": None,
        "sliding_window": config.sliding_window,
        "original_max_position_embeddings": original,
        "partial_rotary_factor": config.rope.rotary_fraction,
    }


def layer_types(fields, n_layers):
    """All layers slide, or none."""
    return ("sliding" if fields.get("sliding_window") else "full",) * n_layers


def gguf_values(file, values):
    """What Phi's files say of heads and windows: how much of a head is rotated tells nothing of its
    width; a window of 0 is none. The divisors of LongRoPE are tensors, which `gguf.py` reads."""
    head_dim = file.field("attention.key_length")
    head_dim = head_dim or values["hidden_size"] // values["num_attention_heads"]
    return {
        "head_dim": head_dim,
        "partial_rotary_factor": file.field("rope.dimension_count", head_dim) / head_dim,
        "sliding_window": file.field("attention.sliding_window") or None,
        "original_max_position_embeddings": file.field("rope.scaling.original_context_length"),
    }


PHI3 = Family(
    name="phi3",
    class_prefix="Phi3",
    model_types=("phi3",),
    rows=ROWS,
    defaults={
        "vocab_size": 32064,
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": 4096,
        "original_max_position_embeddings": 4096,
    },
    write=write,
    layer_types=layer_types,
    # Names from before LongRoPE had one.
    rope_aliases={"su": "longrope", "yarn": "longrope"},
    reads=frozenset({"partial_rotary_factor"}),
    gguf=Gguf("phi3", gguf_values, names=GGUF),
)
