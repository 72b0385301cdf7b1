"""`config.json` <-> `DecoderConfig`, in the layouts of transformers 4 and 5.

What differs between families stands in `families/`. What a file says and we do not do is refused:
a wrong number that loads is worse than an error.
"""

from prm_jax.errors import InputError
from prm_jax.models.config import DecoderConfig
from prm_jax.weights.families import BY_MODEL_TYPE, FAMILIES
from prm_jax.weights.families.record import LAYER_TYPES, Fields
from prm_jax.weights.hf_rope import read_rope, write_rope

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
    if isinstance(values.get("text_config"), dict):
        refuse(values, file)
        tied = {name: values[name] for name in ("tie_word_embeddings",) if name in values}
        values = tied | values["text_config"]
    model_type = values.get("model_type")
    if not isinstance(model_type, str) or model_type not in BY_MODEL_TYPE:
        raise InputError(
            f"unsupported model type {model_type!r}",
            file=file,
            field="model_type",
            remedy=f"supported are {', '.join(BY_MODEL_TYPE)}",
        )
    family = BY_MODEL_TYPE[model_type]
    refuse(values, file, family.reads)
    try:
        return decoder_config(family, Fields(values, family.defaults, file))
    except InputError as error:
        if error.file is not None:
            raise
        raise InputError(
            error.problem, file=file, field=error.field, remedy=error.remedy
        ) from error


def refuse(values, file, known=frozenset()):
    """Raises `InputError` for a feature that would change the numbers and that we do not have.

    Args:
        values: the decoded JSON object.
        file: its path, for messages.
        known: fields that the family reads.
    """
    for field, off in REFUSED.items():
        if field not in known and values.get(field) not in off:
            raise InputError("this feature is not supported", file=file, field=field)


def decoder_config(family, fields):
    """The architecture of a model of a `Family` from its `Fields`."""
    n_layers, n_heads = fields.integer("num_hidden_layers"), fields.integer("num_attention_heads")
    d_model = fields.integer("hidden_size")
    layer_types = read_layer_types(family, fields, n_layers)
    activation = fields.get("hidden_activation") or fields.get("hidden_act") or "silu"
    if activation not in ACTIVATIONS:
        raise InputError(f"unsupported activation {activation!r}", field="hidden_act")
    rope, rope_sliding = read_rope(family, fields)
    return DecoderConfig(
        family=family.name,
        vocab_size=fields.integer("vocab_size"),
        d_model=d_model,
        n_layers=n_layers,
        n_heads=n_heads,
        n_kv_heads=fields.integer("num_key_value_heads", n_heads),
        head_dim=fields.integer("head_dim", d_model // n_heads),
        d_ff=fields.integer("intermediate_size"),
        norm_eps=fields.needed("rms_norm_eps"),
        activation=ACTIVATIONS[activation],
        tied=bool(fields.get("tie_word_embeddings")),
        sliding_window=fields.get("sliding_window") if "sliding" in layer_types else None,
        layer_types=layer_types if set(layer_types) != {"full"} else (),
        rope=rope,
        rope_sliding=rope_sliding if "sliding" in layer_types and rope_sliding != rope else None,
        max_position=fields.integer("max_position_embeddings"),
        **family.read(fields),
    )


def read_layer_types(family, fields, n_layers):
    """The kind of each layer, by the family's rule where the file lists none."""
    listed = fields.get("layer_types")
    if listed is None:
        return family.layer_types(fields, n_layers)
    if unknown := sorted(set(listed) - set(LAYER_TYPES)):
        raise InputError(f"unsupported layer types {unknown}", field="layer_types")
    return tuple(LAYER_TYPES[kind] for kind in listed)


def write_config(config):
    """The fields of `config.json` for an architecture; `read_config` gives it back exactly.

    RoPE is written in both layouts, so that transformers 4 and 5 read the same file alike.

    Raises:
        InputError: the architecture has a feature that its family's files cannot say.
    """
    family = FAMILIES[config.family]
    reverse = {ours: theirs for theirs, ours in ACTIVATIONS.items()}
    values = {
        "model_type": family.model_types[0],
        "vocab_size": config.vocab_size,
        "hidden_size": config.d_model,
        "intermediate_size": config.d_ff,
        "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads,
        "num_key_value_heads": config.n_kv_heads,
        "head_dim": config.head_dim,
        "hidden_act": reverse[config.activation],
        "max_position_embeddings": config.max_position,
        "rms_norm_eps": config.norm_eps,
        "tie_word_embeddings": config.tied,
        "attention_dropout": 0.0,
    }
    values |= family.write(config) | write_rope(family, config)
    if read_config(values, "config.json") != config:
        raise InputError(
            f"the files of family {config.family!r} cannot describe this architecture",
            field="config",
        )
    return values
