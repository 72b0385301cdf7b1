"""What a decoder is made of: one frozen record for all families."""

import dataclasses

from prm_jax.errors import InputError

ROPE_KINDS = ("default", "linear", "dynamic", "llama3", "yarn", "longrope")
LAYER_TYPES = ("full", "sliding", "linear")


@dataclasses.dataclass(frozen=True)
class Rope:
    """Rotary position embedding of one layer type.

    Fields:
        theta: base of the geometric series of wavelengths.
        kind: 'default', 'linear' (positions divided by `factor`), 'llama3' (long wavelengths
            divided, short ones kept, a ramp between; Llama 3.1), 'yarn' (the ramp counted in
            rotations over the original context; arXiv:2309.00071), 'dynamic' (a sequence longer
            than the original context gets a larger `theta`, by its own length), 'longrope' (each
            frequency has its own divisor, one for sequences up to the original context and one
            for longer ones; arXiv:2402.13753).
        factor: how much longer the context became.
        original_max_position: context length before scaling, in tokens (all but default and
            linear).
        low_freq_factor, high_freq_factor: ends of the ramp (llama3).
        beta_fast, beta_slow: ends of the ramp in rotations (yarn).
        attention_factor: multiplies cos and sin (yarn, longrope); None derives it from `factor`,
            for yarn also from `mscale` and `mscale_all_dim`.
        truncate: whether the ends of the ramp are rounded outwards to whole dimensions (yarn).
        short_factor, long_factor: divisors of the frequencies, one for each pair of rotated
            dimensions (longrope).
        rotary_fraction: fraction of each head's dimensions that is rotated, from the first on.

    Sequences are the segments of packed rows, so that a sequence has the numbers it has alone.
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
    short_factor: tuple[float, ...] = ()
    long_factor: tuple[float, ...] = ()
    rotary_fraction: float = 1.0

    def __post_init__(self):
        if self.kind not in ROPE_KINDS:
            raise InputError(
                f"unknown RoPE scaling {self.kind!r}",
                field="rope_type",
                remedy=f"known are {', '.join(ROPE_KINDS)}",
            )
        if self.kind not in ("default", "linear") and not self.original_max_position:
            raise InputError(
                f"RoPE scaling {self.kind!r} needs the original context length",
                field="original_max_position_embeddings",
            )
        if not 0 < self.rotary_fraction <= 1:
            raise InputError(
                f"{self.rotary_fraction} is not in (0, 1]", field="partial_rotary_factor"
            )

    @property
    def by_length(self) -> bool:
        """Whether sequences beyond the original context are rotated by other frequencies."""
        return self.kind in ("dynamic", "longrope")

    def rotary_dim(self, head_dim: int) -> int:
        """Number of dimensions of a head that are rotated."""
        return int(head_dim * self.rotary_fraction)


@dataclasses.dataclass(frozen=True)
class DecoderConfig:
    """Architecture of a decoder-only transformer.

    Fields (sizes in elements; letters as in docs/architecture.md):
        family: name of a record in `weights.families`; says the layout of its files.
        norm_offset: RMSNorm multiplies by (1 + scale), and rounds after the multiplication (Gemma).
        late_rounding: norms and rotations round to the compute dtype after their multiplication
            (OLMo); otherwise before.
        pre_norms: a norm before attention and before the mlp (all but OLMo).
        post_norms: a norm after attention and after the mlp, before the sum (Gemma, OLMo).
        qk_norm: RMSNorm over each query and key head (Qwen 3, Gemma 3).
        qk_norm_whole: RMSNorm over all query heads together, and all key heads (OLMo).
        scale_embeddings: embeddings are multiplied by sqrt(D), rounded to the compute dtype
            (Gemma).
        query_scale: factor on the attention scores; None is 1 / sqrt(H).
        attention_softcap, final_softcap: c in c * tanh(x / c) on attention scores and on
            vocabulary logits; None is off.
        sliding_window: a token sees itself and the `sliding_window - 1` tokens before it, in
            sliding layers.
        layer_types: 'full', 'sliding' or 'linear' per layer; () is 'full' everywhere. Linear layers
            have the gated delta rule in place of attention (`models.linear_attention`; Qwen 3.5).
        gated_attention: what each query head gives is multiplied by the sigmoid of a gate of its
            own, made by the query projection (Qwen 3.5).
        linear_key_heads, linear_value_heads: heads of linear layers; consecutive value heads share
            a key head.
        linear_key_dim, linear_value_dim: their widths.
        linear_conv_width: tokens that the convolution of linear layers sees.
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
    qk_norm_whole: bool = False
    norm_offset: bool = False
    late_rounding: bool = False
    pre_norms: bool = True
    post_norms: bool = False
    scale_embeddings: bool = False
    query_scale: float | None = None
    attention_softcap: float | None = None
    final_softcap: float | None = None
    sliding_window: int | None = None
    layer_types: tuple[str, ...] = ()
    gated_attention: bool = False
    linear_key_heads: int = 0
    linear_value_heads: int = 0
    linear_key_dim: int = 0
    linear_value_dim: int = 0
    linear_conv_width: int = 0
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
        for rope in (self.rope, self.rope_sliding or self.rope):
            check_rope(rope, self.head_dim)
        if self.rope_sliding and self.rope_sliding.rotary_fraction != self.rope.rotary_fraction:
            raise InputError(
                "full and sliding layers rotate different fractions of a head",
                field="partial_rotary_factor",
                remedy="such models are not supported",
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
        sizes = (self.linear_value_heads, self.linear_key_dim, self.linear_value_dim)
        if self.has_linear and min(*sizes, self.linear_key_heads, self.linear_conv_width) < 1:
            raise InputError(
                f"linear attention layers are not supported in family {self.family!r}",
                field="layer_types",
                remedy="of the supported families only qwen3_5 has them",
            )
        if self.has_linear and self.linear_value_heads % self.linear_key_heads:
            raise InputError(
                f"{self.linear_value_heads} value heads cannot share {self.linear_key_heads} key "
                "heads",
                field="linear_num_value_heads",
                remedy="make it a multiple of linear_num_key_heads",
            )
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

    @property
    def has_linear(self) -> bool:
        """Whether some layers are linear, so that layers have different parameters."""
        return "linear" in self.layer_types

    @property
    def period(self) -> int:
        """How many layers are stacked as one: 1 where all have the same parameters, else the
        shortest period of their types."""
        if not self.has_linear:
            return 1
        return next(
            period
            for period in range(1, self.n_layers + 1)
            if self.n_layers % period == 0
            and self.layer_types == self.layer_types[:period] * (self.n_layers // period)
        )

    @property
    def n_blocks(self) -> int:
        """Number of periods, the first axis of stacked parameters."""
        return self.n_layers // self.period


def check_rope(rope, head_dim):
    """Raises `InputError` unless a `Rope` fits heads of `head_dim` dimensions."""
    rotated = rope.rotary_dim(head_dim)
    if rotated % 2 or not rotated:
        raise InputError(
            f"head dimension {head_dim} is odd: RoPE turns pairs"
            if rope.rotary_fraction == 1
            else f"{rotated} of {head_dim} dimensions cannot be rotated in pairs",
            field="head_dim" if rope.rotary_fraction == 1 else "partial_rotary_factor",
        )
    for field in ("short_factor", "long_factor") if rope.kind == "longrope" else ():
        if len(getattr(rope, field)) != rotated // 2:
            raise InputError(
                f"has {len(getattr(rope, field))} numbers for {rotated // 2} pairs of dimensions",
                field=field,
                remedy="give one for each pair of rotated dimensions",
            )
