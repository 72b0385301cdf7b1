"""What a decoder is made of: one frozen record for Llama, Mistral, Qwen2, Qwen3, Gemma 2 and Gemma
3 (text)."""

import dataclasses

from prm_jax.errors import InputError

ROPE_KINDS = ("default", "linear", "llama3", "yarn")
LAYER_TYPES = ("full", "sliding")


@dataclasses.dataclass(frozen=True)
class Rope:
    """Rotary position embedding of one layer type.

    Fields:
        theta: base of the geometric series of wavelengths.
        kind: 'default', 'linear' (positions divided by `factor`), 'llama3' (long wavelengths
            divided, short ones kept, a ramp between; Llama 3.1), 'yarn' (the ramp counted in
            rotations over the original context; arXiv:2309.00071).
        factor: how much longer the context became.
        original_max_position: context length before scaling, in tokens (llama3, yarn).
        low_freq_factor, high_freq_factor: ends of the ramp (llama3).
        beta_fast, beta_slow: ends of the ramp in rotations (yarn).
        attention_factor: multiplies cos and sin (yarn); None derives it from `factor`, `mscale`
            and `mscale_all_dim`.
        truncate: whether the ends of the ramp are rounded outwards to whole dimensions (yarn).
    """

    theta: float = 10_000.0
    kind: str = "default"
    factor: float = 1.0
    original_max_position: int | None = None
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    attention_factor: float | None = None
    mscale: float | None = None
    mscale_all_dim: float | None = None
    truncate: bool = True

    def __post_init__(self):
        if self.kind not in ROPE_KINDS:
            raise InputError(
                f"unknown RoPE scaling {self.kind!r}",
                field="rope_type",
                remedy=f"known are {', '.join(ROPE_KINDS)}",
            )
        if self.kind in ("llama3", "yarn") and not self.original_max_position:
            raise InputError(
                f"RoPE scaling {self.kind!r} needs the original context length",
                field="original_max_position_embeddings",
            )


@dataclasses.dataclass(frozen=True)
class DecoderConfig:
    """Architecture of a decoder-only transformer.

    Fields (sizes in elements; letters as in docs/architecture.md):
        family: 'llama', 'mistral', 'qwen2', 'qwen3', 'gemma2' or 'gemma3'; names the layout of its
            files.
        norm_offset: RMSNorm multiplies by (1 + scale), and rounds after the multiplication (Gemma).
        sandwich_norms: a norm also after attention and after the mlp (Gemma).
        qk_norm: RMSNorm over each query and key head (Qwen 3, Gemma 3).
        scale_embeddings: embeddings are multiplied by sqrt(D), rounded to the compute dtype
            (Gemma).
        query_scale: factor on the attention scores; None is 1 / sqrt(H).
        attention_softcap, final_softcap: c in c * tanh(x / c) on attention scores and on
            vocabulary logits; None is off.
        sliding_window: a token sees itself and the `sliding_window - 1` tokens before it, in
            sliding layers.
        layer_types: 'full' or 'sliding' per layer; () is 'full' everywhere.
        rope, rope_sliding: rotary embedding of full layers, and of sliding ones where it differs
            (None: the same).
        n_experts: E, experts of each layer's mlp (`models.sparse_mlp`); 0 is one dense mlp.
        experts_per_token, d_expert: how many a token goes to, and the width of each.
        normalise_routing: the weights of a token's experts add up to 1.
        max_position: longest context the weights were made for, in tokens; recorded, not enforced.
    """

    family: str
    vocab_size: int
    d_model: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    d_ff: int
    norm_eps: float = 1e-5
    activation: str = "silu"
    tied: bool = False
    qkv_bias: bool = False
    o_bias: bool = False
    mlp_bias: bool = False
    qk_norm: bool = False
    norm_offset: bool = False
    sandwich_norms: bool = False
    scale_embeddings: bool = False
    query_scale: float | None = None
    attention_softcap: float | None = None
    final_softcap: float | None = None
    sliding_window: int | None = None
    layer_types: tuple[str, ...] = ()
    rope: Rope = Rope()
    rope_sliding: Rope | None = None
    n_experts: int = 0
    experts_per_token: int = 0
    d_expert: int = 0
    normalise_routing: bool = False
    max_position: int = 8192

    def __post_init__(self):
        if self.n_heads % self.n_kv_heads:
            raise InputError(
                f"{self.n_heads} query heads cannot share {self.n_kv_heads} key heads",
                field="num_key_value_heads",
            )
        if self.head_dim % 2:
            raise InputError(
                f"head dimension {self.head_dim} is odd: RoPE turns pairs", field="head_dim"
            )
        if self.layer_types and len(self.layer_types) != self.n_layers:
            raise InputError(
                f"{len(self.layer_types)} layer types for {self.n_layers} layers",
                field="layer_types",
            )
        if unknown := set(self.layer_types) - set(LAYER_TYPES):
            raise InputError(f"unknown layer types {sorted(unknown)}", field="layer_types")
        if "sliding" in self.layer_types and not self.sliding_window:
            raise InputError("sliding layers need a window", field="sliding_window")
        if self.n_experts and not 0 < self.experts_per_token <= self.n_experts:
            raise InputError(
                f"a token cannot go to {self.experts_per_token} of {self.n_experts} experts",
                field="num_experts_per_tok",
            )
        if self.n_experts and self.d_expert < 1:
            raise InputError("experts need a width", field="moe_intermediate_size")
        if self.activation not in ("silu", "gelu_tanh"):
            raise InputError(f"unknown activation {self.activation!r}", field="hidden_act")

    @property
    def sliding_layers(self) -> tuple[bool, ...]:
        """Whether each layer has a sliding window: bool per layer."""
        return tuple(kind == "sliding" for kind in self.layer_types or ("full",) * self.n_layers)
