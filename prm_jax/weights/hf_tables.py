"""Which stored tensor is which parameter: Hugging Face key <-> our path, and the layout.

The tables are data. A row holds our path, the key as Hugging Face writes it, and the layout of
one layer's tensor (`layout.py`). `{}` in a key is the layer's number; our side stacks the layers on
a new first axis.
"""

import re
from typing import NamedTuple

LAYERS = "layers_0/"


class Row(NamedTuple):
    """One parameter: `path` in our tree, `key` in the checkpoint, `layout` of a layer's tensor."""

    path: str
    key: str
    layout: str

    @property
    def stacked(self):
        """Whether the parameter stacks one stored tensor a layer."""
        return self.path.startswith(LAYERS)


BACKBONE = (
    Row("embed/embedding", "model.embed_tokens.weight", "v d -> v d"),
    Row("final_norm/scale", "model.norm.weight", "d -> d"),
    Row("unembed/kernel", "lm_head.weight", "v d -> d v"),
    Row("layers_0/attn/q/kernel", "model.layers.{}.self_attn.q_proj.weight", "(n h) d -> d n h"),
    Row("layers_0/attn/k/kernel", "model.layers.{}.self_attn.k_proj.weight", "(k h) d -> d k h"),
    Row("layers_0/attn/v/kernel", "model.layers.{}.self_attn.v_proj.weight", "(k h) d -> d k h"),
    Row("layers_0/attn/o/kernel", "model.layers.{}.self_attn.o_proj.weight", "d (n h) -> n h d"),
    Row("layers_0/attn/q/bias", "model.layers.{}.self_attn.q_proj.bias", "(n h) -> n h"),
    Row("layers_0/attn/k/bias", "model.layers.{}.self_attn.k_proj.bias", "(k h) -> k h"),
    Row("layers_0/attn/v/bias", "model.layers.{}.self_attn.v_proj.bias", "(k h) -> k h"),
    Row("layers_0/attn/o/bias", "model.layers.{}.self_attn.o_proj.bias", "d -> d"),
    Row("layers_0/attn/q_norm/scale", "model.layers.{}.self_attn.q_norm.weight", "h -> h"),
    Row("layers_0/attn/k_norm/scale", "model.layers.{}.self_attn.k_norm.weight", "h -> h"),
    Row("layers_0/mlp/gate/kernel", "model.layers.{}.mlp.gate_proj.weight", "f d -> d f"),
    Row("layers_0/mlp/up/kernel", "model.layers.{}.mlp.up_proj.weight", "f d -> d f"),
    Row("layers_0/mlp/down/kernel", "model.layers.{}.mlp.down_proj.weight", "d f -> f d"),
    Row("layers_0/mlp/gate/bias", "model.layers.{}.mlp.gate_proj.bias", "f -> f"),
    Row("layers_0/mlp/up/bias", "model.layers.{}.mlp.up_proj.bias", "f -> f"),
    Row("layers_0/mlp/down/bias", "model.layers.{}.mlp.down_proj.bias", "d -> d"),
    Row("layers_0/attn_norm/scale", "model.layers.{}.input_layernorm.weight", "d -> d"),
)

# The same key names the norm before the MLP in Llama and its kin, and the one after attention in
# Gemma 2 and 3.
PRE_NORM = (
    Row("layers_0/mlp_norm/scale", "model.layers.{}.post_attention_layernorm.weight", "d -> d"),
)
SANDWICH_NORM = (
    Row(
        "layers_0/post_attn_norm/scale",
        "model.layers.{}.post_attention_layernorm.weight",
        "d -> d",
    ),
    Row("layers_0/mlp_norm/scale", "model.layers.{}.pre_feedforward_layernorm.weight", "d -> d"),
    Row(
        "layers_0/post_mlp_norm/scale",
        "model.layers.{}.post_feedforward_layernorm.weight",
        "d -> d",
    ),
)

FAMILY_ROWS = {
    "llama": BACKBONE + PRE_NORM,
    "mistral": BACKBONE + PRE_NORM,
    "qwen2": BACKBONE + PRE_NORM,
    "qwen3": BACKBONE + PRE_NORM,
    "gemma2": BACKBONE + SANDWICH_NORM,
    "gemma3": BACKBONE + SANDWICH_NORM,
}

HEAD_ROWS = {
    "scalar": (
        Row("head/kernel", "score.weight", "c d -> d c"),
        Row("head/bias", "score.bias", "c -> c"),
    ),
    "mlp": (
        Row("head/dense/kernel", "score.0.weight", "o d -> d o"),
        Row("head/dense/bias", "score.0.bias", "o -> o"),
        Row("head/out/kernel", "score.2.weight", "c o -> o c"),
        Row("head/out/bias", "score.2.bias", "c -> c"),
    ),
    "two_token": (),
    "easy_to_hard": (Row("head/kernel", "easy_to_hard.weight", "c d -> d c"),),
}
HEAD_ROWS["linear"] = HEAD_ROWS["scalar"]

# Of our own: no architecture of transformers reads both directions.
GATE_ROWS = (
    Row("head/gate/dense/kernel", "gate.0.weight", "o d -> d o"),
    Row("head/gate/dense/bias", "gate.0.bias", "o -> o"),
    Row("head/gate/out/kernel", "gate.2.weight", "c o -> o c"),
    Row("head/gate/out/bias", "gate.2.bias", "c -> c"),
)

# Tensors that carry no parameter of ours: buffers that old files kept, and the image side of a
# multimodal Gemma 3.
IGNORABLE = (
    re.compile(r"\.rotary_emb\.inv_freq$"),
    re.compile(r"^(model\.)?(vision_tower|multi_modal_projector)\."),
)

# A multimodal Gemma 3 keeps its text model under one of these, by the version that wrote it.
TEXT_PREFIXES = (
    ("language_model.model.", "model."),
    ("model.language_model.", "model."),
    ("language_model.lm_head.", "lm_head."),
)


def plain_key(key):
    """The key that a text-only checkpoint would have for a tensor of a multimodal one."""
    for prefix, replacement in TEXT_PREFIXES:
        if key.startswith(prefix):
            return replacement + key.removeprefix(prefix)
    return key


def rows_for(family, head):
    """All rows that may apply to a model.

    Args:
        family: of the `DecoderConfig`.
        head: `HeadConfig` or None.

    Returns:
        Tuple of Row.
    """
    if head is None:
        return FAMILY_ROWS[family]
    return FAMILY_ROWS[family] + HEAD_ROWS[head.kind] + (GATE_ROWS if head.gate else ())
