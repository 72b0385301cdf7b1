"""Llama and Mistral."""

from prm_jax.weights.families.record import Family, Gguf
from prm_jax.weights.families.rows import LLAMA as ROWS


def read_llama(fields):
    """Biases where the file says so."""
    bias = bool(fields.get("attention_bias"))
    return {"qkv_bias": bias, "o_bias": bias, "mlp_bias": bool(fields.get("mlp_bias"))}


def write_llama(config):
    """The inverse of `read_llama`."""
    return {"attention_bias": config.qkv_bias, "mlp_bias": config.mlp_bias}


def biases_of_file(file, values):
    """GGUF files have no field for biases: the tensors say it."""
    return {
        "attention_bias": "blk.0.attn_q.bias" in file.shapes,
        "mlp_bias": "blk.0.ffn_gate.bias" in file.shapes,
    }


def mistral_layer_types(fields, n_layers):
    """All layers slide, or none."""
    return ("sliding" if fields.get("sliding_window") else "full",) * n_layers


LLAMA = Family(
    name="llama",
    class_prefix="Llama",
    model_types=("llama",),
    rows=ROWS,
    defaults={"rms_norm_eps": 1e-6, "max_position_embeddings": 2048},
    read=read_llama,
    write=write_llama,
    gguf=Gguf("llama", biases_of_file, rotates_pairs=True),
)
# GGUF files of Mistral say they are Llama's.
MISTRAL = Family(
    name="mistral",
    class_prefix="Mistral",
    model_types=("mistral",),
    rows=ROWS,
    defaults={
        "rms_norm_eps": 1e-6,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131072,
        "sliding_window": 4096,
    },
    write=lambda config: {"sliding_window": config.sliding_window},
    layer_types=mistral_layer_types,
)
