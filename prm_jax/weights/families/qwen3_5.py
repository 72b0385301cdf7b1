"""Qwen 3.5's text model: linear attention by the gated delta rule, and every fourth layer gated
attention that rotates part of each head. Its published files are multimodal; what reads images and
what guesses further tokens is passed over."""

from prm_jax.errors import InputError
from prm_jax.weights.families.record import Family, listed_layer_types
from prm_jax.weights.families.rows import (
    ATTENTION,
    EMBEDDINGS,
    LINEAR,
    MLP,
    PRE_NORM,
    QK_NORM,
    Row,
    joined,
)

SIZES = {
    "linear_key_heads": "linear_num_key_heads",
    "linear_value_heads": "linear_num_value_heads",
    "linear_key_dim": "linear_key_head_dim",
    "linear_value_dim": "linear_value_head_dim",
    "linear_conv_width": "linear_conv_kernel_dim",
}
IN, CONV = (
    "model.layers.{}.linear_attn.in_proj_qkv.weight",
    "model.layers.{}.linear_attn.conv1d.weight",
)
ROWS = (
    *EMBEDDINGS,
    *ATTENTION,
    *QK_NORM,
    *MLP[:3],
    *PRE_NORM,
    *LINEAR,
    *joined(
        IN, tuple(Row(f"layers_0/linear/{name}/kernel", IN, "(j a) d -> d j a") for name in "qkv")
    ),
    *joined(
        CONV,
        tuple(
            Row(f"layers_0/linear/{name}_conv/taps", CONV, "(j a) i w -> w i j a") for name in "qkv"
        ),
    ),
)


def read(fields):
    """What sets Qwen 3.5 apart; sizes of linear layers where it has any.

    Raises:
        InputError: a size that is missing, or attention without its gate.
    """
    if fields.get("attn_output_gate") is False:
        raise InputError(
            "attention without a gate is not supported in this family",
            field="attn_output_gate",
            remedy="transformers passes over the field and gates: set it to true",
        )
    bias = bool(fields.get("attention_bias"))
    return {
        "qkv_bias": bias,
        "o_bias": bias,
        "qk_norm": True,
        "norm_offset": True,
        "gated_attention": True,
        **{ours: fields.integer(theirs) for ours, theirs in SIZES.items()},
    }


def write(config):
    """The inverse of `read`."""
    return {
        "attention_bias": config.qkv_bias,
        "layer_types": listed_layer_types(config),
        "partial_rotary_factor": config.rope.rotary_fraction,
        "attn_output_gate": True,
        **{theirs: getattr(config, ours) for ours, theirs in SIZES.items()},
    }


def layer_types(fields, n_layers):
    """Every fourth layer is full, unless the file says another interval."""
    interval = fields.integer("full_attention_interval")
    return tuple("linear" if (i + 1) % interval else "full" for i in range(n_layers))


QWEN3_5 = Family(
    name="qwen3_5",
    class_prefix="Qwen3_5",
    model_types=("qwen3_5_text", "qwen3_5"),
    rows=ROWS,
    defaults={
        "vocab_size": 248320,
        "rms_norm_eps": 1e-6,
        "num_attention_heads": 16,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "max_position_embeddings": 32768,
        "partial_rotary_factor": 0.25,
        "full_attention_interval": 4,
        "linear_num_key_heads": 16,
        "linear_num_value_heads": 32,
        "linear_key_head_dim": 128,
        "linear_value_head_dim": 128,
        "linear_conv_kernel_dim": 4,
    },
    read=read,
    write=write,
    layer_types=layer_types,
    # How positions of images are interleaved; those of text are the same in all sections.
    rope_passed_over=frozenset({"mrope_section", "mrope_interleaved"}),
    reads=frozenset({"partial_rotary_factor"}),
)
