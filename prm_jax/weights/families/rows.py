"""Which stored tensor is which parameter: Hugging Face key <-> our path, and the layout.

The tables are data. A row holds our path, the key as Hugging Face writes it, and the layout of
one layer's tensor (`layout.py`). The first `{}` in a key is the layer's number, a second one the
expert's; our side stacks layers and experts on new first axes.
"""

from typing import NamedTuple

LAYERS = "layers_0/"


class Row(NamedTuple):
    """One parameter.

    Fields:
        path: in our tree.
        key: in the checkpoint.
        layout: of a layer's tensor.
        fused: paths of the parameters whose stored tensors are joined along their first axis under
            this key, in order; () is this one alone.
        first, every: the parameter's stack holds the layers `first`, `first + every`, ...
    """

    path: str
    key: str
    layout: str
    fused: tuple[str, ...] = ()
    first: int = 0
    every: int = 1

    def key_at(self, *index):
        """The key of the stored tensor at a place in the stacks, () without any."""
        if not index:
            return self.key
        place, *expert = index
        return self.key.format(self.first + self.every * place, *expert)

    @property
    def n_stacks(self):
        """Leading axes of the parameter that count stored tensors: of layers, and of experts."""
        return self.key.count("{}")


EMBEDDINGS = (
    Row("embed/embedding", "model.embed_tokens.weight", "v d -> v d"),
    Row("final_norm/scale", "model.norm.weight", "d -> d"),
    Row("unembed/kernel", "lm_head.weight", "v d -> d v"),
)
ATTENTION = (
    Row("layers_0/attn/q/kernel", "model.layers.{}.self_attn.q_proj.weight", "(n h) d -> d n h"),
    Row("layers_0/attn/k/kernel", "model.layers.{}.self_attn.k_proj.weight", "(k h) d -> d k h"),
    Row("layers_0/attn/v/kernel", "model.layers.{}.self_attn.v_proj.weight", "(k h) d -> d k h"),
    Row("layers_0/attn/o/kernel", "model.layers.{}.self_attn.o_proj.weight", "d (n h) -> n h d"),
    Row("layers_0/attn/q/bias", "model.layers.{}.self_attn.q_proj.bias", "(n h) -> n h"),
    Row("layers_0/attn/k/bias", "model.layers.{}.self_attn.k_proj.bias", "(k h) -> k h"),
    Row("layers_0/attn/v/bias", "model.layers.{}.self_attn.v_proj.bias", "(k h) -> k h"),
    Row("layers_0/attn/o/bias", "model.layers.{}.self_attn.o_proj.bias", "d -> d"),
)
QK_NORM = (
    Row("layers_0/attn/q_norm/scale", "model.layers.{}.self_attn.q_norm.weight", "h -> h"),
    Row("layers_0/attn/k_norm/scale", "model.layers.{}.self_attn.k_norm.weight", "h -> h"),
)
MLP = (
    Row("layers_0/mlp/gate/kernel", "model.layers.{}.mlp.gate_proj.weight", "f d -> d f"),
    Row("layers_0/mlp/up/kernel", "model.layers.{}.mlp.up_proj.weight", "f d -> d f"),
    Row("layers_0/mlp/down/kernel", "model.layers.{}.mlp.down_proj.weight", "d f -> f d"),
    Row("layers_0/mlp/gate/bias", "model.layers.{}.mlp.gate_proj.bias", "f -> f"),
    Row("layers_0/mlp/up/bias", "model.layers.{}.mlp.up_proj.bias", "f -> f"),
    Row("layers_0/mlp/down/bias", "model.layers.{}.mlp.down_proj.bias", "d -> d"),
)
# The same key names the norm before the mlp in Llama and its kin, and the one after attention in
# Gemma 2 and 3.
PRE_NORM = (
    Row("layers_0/attn_norm/scale", "model.layers.{}.input_layernorm.weight", "d -> d"),
    Row("layers_0/mlp_norm/scale", "model.layers.{}.post_attention_layernorm.weight", "d -> d"),
)
SANDWICH_NORM = (
    Row("layers_0/attn_norm/scale", "model.layers.{}.input_layernorm.weight", "d -> d"),
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

EXPERTS = (
    Row("layers_0/mlp/router/kernel", "model.layers.{}.mlp.gate.weight", "e d -> d e"),
    Row(
        "layers_0/mlp/experts/gate/kernel",
        "model.layers.{}.mlp.experts.{}.gate_proj.weight",
        "f d -> d f",
    ),
    Row(
        "layers_0/mlp/experts/up/kernel",
        "model.layers.{}.mlp.experts.{}.up_proj.weight",
        "f d -> d f",
    ),
    Row(
        "layers_0/mlp/experts/down/kernel",
        "model.layers.{}.mlp.experts.{}.down_proj.weight",
        "d f -> f d",
    ),
)

LLAMA = EMBEDDINGS + ATTENTION + QK_NORM + MLP + PRE_NORM
"""The rows of Llama and its kin; what an architecture has no parameter for is left out."""


LINEAR = (
    Row(
        "layers_0/linear/z/kernel",
        "model.layers.{}.linear_attn.in_proj_z.weight",
        "(j v) d -> d j v",
    ),
    Row(
        "layers_0/linear/rate/kernel", "model.layers.{}.linear_attn.in_proj_b.weight", "j d -> d j"
    ),
    Row(
        "layers_0/linear/decay/kernel", "model.layers.{}.linear_attn.in_proj_a.weight", "j d -> d j"
    ),
    Row("layers_0/linear/dt_bias", "model.layers.{}.linear_attn.dt_bias", "j -> j"),
    Row("layers_0/linear/a_log", "model.layers.{}.linear_attn.A_log", "j -> j"),
    Row("layers_0/linear/norm/scale", "model.layers.{}.linear_attn.norm.weight", "v -> v"),
    Row(
        "layers_0/linear/o/kernel",
        "model.layers.{}.linear_attn.out_proj.weight",
        "d (j v) -> j v d",
    ),
)


def joined(key, rows):
    """Rows whose stored tensors are one tensor, joined along its first axis."""
    together = tuple(row.path for row in rows)
    return tuple(row._replace(key=key, fused=together) for row in rows)


def in_periods(rows, period):
    """The rows of a model whose stacks hold every `period`-th layer, one stack a place in it."""

    def at(path, place):
        return path.replace(LAYERS, f"{LAYERS}block_{place}/", 1)

    of_layers = tuple(row for row in rows if row.path.startswith(LAYERS))
    return tuple(row for row in rows if row not in of_layers) + tuple(
        row._replace(
            path=at(row.path, place),
            fused=tuple(at(path, place) for path in row.fused),
            first=place,
            every=period,
        )
        for place in range(period)
        for row in of_layers
    )


GGUF_NAMES = {
    "embed/embedding": "token_embd.weight",
    "final_norm/scale": "output_norm.weight",
    "unembed/kernel": "output.weight",
    "layers_0/attn_norm/scale": "blk.{}.attn_norm.weight",
    "layers_0/mlp_norm/scale": "blk.{}.ffn_norm.weight",
    "layers_0/post_attn_norm/scale": "blk.{}.post_attention_norm.weight",
    "layers_0/post_mlp_norm/scale": "blk.{}.post_ffw_norm.weight",
    "layers_0/attn/q_norm/scale": "blk.{}.attn_q_norm.weight",
    "layers_0/attn/k_norm/scale": "blk.{}.attn_k_norm.weight",
}
"""What GGUF files call the parameters, in every family."""
GGUF_NAMES |= {
    f"layers_0/{ours}/{leaf}": f"blk.{{}}.{theirs}.{suffix}"
    for ours, theirs in (
        ("attn/q", "attn_q"),
        ("attn/k", "attn_k"),
        ("attn/v", "attn_v"),
        ("attn/o", "attn_output"),
        ("mlp/gate", "ffn_gate"),
        ("mlp/up", "ffn_up"),
        ("mlp/down", "ffn_down"),
    )
    for leaf, suffix in (("kernel", "weight"), ("bias", "bias"))
}
GGUF_NAMES |= {"layers_0/mlp/router/kernel": "blk.{}.ffn_gate_inp.weight"}
GGUF_NAMES |= {
    f"layers_0/mlp/experts/{matrix}/kernel": f"blk.{{}}.ffn_{matrix}_exps.{{}}.weight"
    for matrix in ("gate", "up", "down")
}
