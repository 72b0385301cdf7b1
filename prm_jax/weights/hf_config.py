"""`config.json` <-> `DecoderConfig`, in the layouts of transformers 4 and 5.

What a file says and we do not do is refused: a wrong number that loads is worse than an error.
"""

from prm_jax.errors import InputError
from prm_jax.models.config import DecoderConfig
from prm_jax.weights.hf_rope import LAYER_TYPES, read_rope, write_rope

# What transformers assumes where a file is silent. Gemma 3's multimodal files leave out most of
# their text part.
QWEN = {
    "rms_norm_eps": 1e-6,
    "num_key_value_heads": 32,
    "max_position_embeddings": 32768,
    "sliding_window": 4096,
    "max_window_layers": 28,
}
GEMMA = {
    "rms_norm_eps": 1e-6,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "hidden_activation": "gelu_pytorch_tanh",
    "tie_word_embeddings": True,
    "query_pre_attn_scalar": 256,
    "sliding_window": 4096,
}
DEFAULTS = {
    "llama": {"rms_norm_eps": 1e-6, "max_position_embeddings": 2048},
    "mistral": {
        "rms_norm_eps": 1e-6,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131072,
        "sliding_window": 4096,
    },
    "qwen2": QWEN | {"attention_bias": True},
    "qwen3": QWEN | {"head_dim": 128},
    "gemma2": GEMMA
    | {
        "vocab_size": 256000,
        "max_position_embeddings": 8192,
        "attn_logit_softcapping": 50.0,
        "final_logit_softcapping": 30.0,
    },
    "gemma3": GEMMA
    | {
        "vocab_size": 262208,
        "max_position_embeddings": 131072,
        "rope_theta": 1_000_000.0,
        "rope_local_base_freq": 10_000.0,
    },
}
MODEL_TYPES = {family: family for family in DEFAULTS} | {"gemma3_text": "gemma3"}
ACTIVATIONS = {"silu": "silu", "gelu_pytorch_tanh": "gelu_tanh"}

# Fields that change the numbers and that no supported model uses; each with the values that mean
# "off".
REFUSED: dict[str, tuple] = {
    "quantization_config": (None,),
    "num_local_experts": (None, 0, 1),
    "num_experts": (None, 0, 1),
    "use_bidirectional_attention": (None, False),
    "partial_rotary_factor": (None, 1, 1.0),
    "attention_chunk_size": (None,),
    "no_rope_layers": (None, []),
    "use_mrope": (None, False),
}


def read_config(values, file):
    """The architecture that a `config.json` describes.

    Args:
        values: the decoded JSON object.
        file: its path, for messages.

    Returns:
        DecoderConfig.

    Raises:
        InputError: unknown model type, a missing or ill-typed field, or a feature that is not
            supported.
    """
    refuse(values, file)
    if isinstance(values.get("text_config"), dict):
        values = values["text_config"]
        refuse(values, file)
    model_type = values.get("model_type")
    if model_type not in MODEL_TYPES:
        raise InputError(
            f"unsupported model type {model_type!r}",
            file=file,
            field="model_type",
            remedy=f"supported are {', '.join(MODEL_TYPES)}",
        )
    family = MODEL_TYPES[model_type]
    try:
        return decoder_config(family, Fields(values, DEFAULTS[family], file))
    except InputError as error:
        if error.file is not None:
            raise
        raise InputError(
            error.problem, file=file, field=error.field, remedy=error.remedy
        ) from error


def refuse(values, file):
    """Raises `InputError` for a feature that would change the numbers and that we do not have."""
    for field, off in REFUSED.items():
        if values.get(field) not in off:
            raise InputError("this feature is not supported", file=file, field=field)


def decoder_config(family, fields):
    """The architecture of a model of `family` from its `Fields`."""
    n_layers, n_heads = fields.integer("num_hidden_layers"), fields.integer("num_attention_heads")
    d_model = fields.integer("hidden_size")
    gemma = family.startswith("gemma")
    bias = bool(fields.get("attention_bias")) and family != "mistral"
    layer_types = read_layer_types(family, fields, n_layers)
    activation = fields.get("hidden_activation") or fields.get("hidden_act") or "silu"
    if activation not in ACTIVATIONS:
        raise InputError(f"unsupported activation {activation!r}", field="hidden_act")
    rope, rope_sliding = read_rope(family, fields)
    return DecoderConfig(
        family=family,
        vocab_size=fields.integer("vocab_size"),
        d_model=d_model,
        n_layers=n_layers,
        n_heads=n_heads,
        n_kv_heads=fields.integer("num_key_value_heads", n_heads),
        head_dim=fields.integer("head_dim", d_model // n_heads),
        d_ff=fields.integer("intermediate_size"),
        norm_eps=fields.get("rms_norm_eps"),
        activation=ACTIVATIONS[activation],
        tied=bool(fields.get("tie_word_embeddings")),
        qkv_bias=bias,
        o_bias=bias and family != "qwen2",
        mlp_bias=family == "llama" and bool(fields.get("mlp_bias")),
        qk_norm=family in ("qwen3", "gemma3"),
        norm_offset=gemma,
        sandwich_norms=gemma,
        scale_embeddings=gemma,
        query_scale=fields.get("query_pre_attn_scalar") ** -0.5 if gemma else None,
        attention_softcap=fields.get("attn_logit_softcapping") if gemma else None,
        final_softcap=fields.get("final_logit_softcapping") if gemma else None,
        sliding_window=fields.get("sliding_window") if "sliding" in layer_types else None,
        layer_types=layer_types if "sliding" in layer_types else (),
        rope=rope,
        rope_sliding=rope_sliding if "sliding" in layer_types and rope_sliding != rope else None,
        max_position=fields.integer("max_position_embeddings"),
    )


class Fields:
    """The fields of one configuration, with the family's defaults; errors name file and field."""

    def __init__(self, values, defaults, file):
        self.values, self.defaults, self.file = values, defaults, file

    def get(self, name):
        """The value; the family's default where the field is absent, None where both are."""
        return self.values.get(name, self.defaults.get(name))

    def integer(self, name, otherwise=None):
        """A positive integer; `otherwise` where it is absent or null, an error if that is None."""
        value = self.get(name)
        if value is None:
            value = otherwise
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            problem = "is missing" if value is None else f"is {value!r}, not a positive integer"
            raise InputError(problem, file=self.file, field=name)
        return value


def read_layer_types(family, fields, n_layers):
    """'full' or 'sliding' for each layer, by the family's rule where the file lists none."""
    listed = fields.get("layer_types")
    if listed is not None:
        if unknown := sorted(set(listed) - set(LAYER_TYPES)):
            raise InputError(f"unsupported layer types {unknown}", field="layer_types")
        return tuple(LAYER_TYPES[kind] for kind in listed)
    if family == "mistral":
        return ("sliding" if fields.get("sliding_window") else "full",) * n_layers
    if family in ("qwen2", "qwen3"):
        first = fields.get("max_window_layers") if fields.get("use_sliding_window") else n_layers
        return tuple("sliding" if layer >= first else "full" for layer in range(n_layers))
    if family in ("gemma2", "gemma3"):
        period = fields.get("sliding_window_pattern") or fields.get("_sliding_window_pattern")
        period = period or {"gemma2": 2, "gemma3": 6}[family]
        return tuple("full" if (i + 1) % period == 0 else "sliding" for i in range(n_layers))
    return ("full",) * n_layers


def write_config(config):
    """The fields of `config.json` for an architecture; `read_config` gives it back exactly.

    RoPE is written in both layouts, so that transformers 4 and 5 read the same file alike.

    Raises:
        InputError: the architecture has a feature that its family's files cannot say.
    """
    gemma = config.family.startswith("gemma")
    reverse = {ours: theirs for theirs, ours in ACTIVATIONS.items()}
    kinds = {ours: theirs for theirs, ours in LAYER_TYPES.items()}
    activation = reverse[config.activation]
    values = {
        "model_type": "gemma3_text" if config.family == "gemma3" else config.family,
        "vocab_size": config.vocab_size,
        "hidden_size": config.d_model,
        "intermediate_size": config.d_ff,
        "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads,
        "num_key_value_heads": config.n_kv_heads,
        "head_dim": config.head_dim,
        "hidden_act": activation,
        "max_position_embeddings": config.max_position,
        "rms_norm_eps": config.norm_eps,
        "tie_word_embeddings": config.tied,
        "attention_dropout": 0.0,
    }
    if config.family in ("llama", "qwen3", "gemma2", "gemma3"):
        values["attention_bias"] = config.qkv_bias
    if config.family == "llama":
        values["mlp_bias"] = config.mlp_bias
    if config.family == "mistral":
        values["sliding_window"] = config.sliding_window
    if config.family in ("qwen2", "qwen3"):
        values["use_sliding_window"] = config.sliding_window is not None
        values["sliding_window"] = config.sliding_window
    if config.family in ("qwen2", "qwen3", "gemma2", "gemma3"):
        layer_types = config.layer_types or ("full",) * config.n_layers
        values["layer_types"] = [kinds[kind] for kind in layer_types]
    if config.family in ("qwen2", "qwen3"):
        # Before `layer_types`, transformers 4 knew only "sliding from this layer on".
        values["max_window_layers"] = config.sliding_layers.count(False)
    if gemma:
        scalar = (config.query_scale or config.head_dim**-0.5) ** -2
        values["query_pre_attn_scalar"] = (
            round(scalar) if round(scalar) ** -0.5 == config.query_scale else scalar
        )
        values["hidden_activation"] = activation
        values["attn_logit_softcapping"] = config.attention_softcap
        values["final_logit_softcapping"] = config.final_softcap
        values["sliding_window"] = config.sliding_window
    values |= write_rope(config)
    if read_config(values, "config.json") != config:
        raise InputError(
            f"the files of family {config.family!r} cannot describe this architecture",
            field="config",
        )
    return values
