"""What a model family is: one record with both directions of everything its files say."""

import dataclasses
from collections.abc import Callable
from typing import Any

from prm_jax.errors import InputError
from prm_jax.json_files import FETCH
from prm_jax.json_values import boolean, number
from prm_jax.models.config import DecoderConfig
from prm_jax.weights.families.rows import GGUF_NAMES, Row

LAYER_TYPES = {
    "full_attention": "full",
    "sliding_attention": "sliding",
    "linear_attention": "linear",
}
"""Kinds of layers: Hugging Face's words -> ours."""


LARGEST = 1e300
NUMBERS = (
    "attn_logit_softcapping",
    "decoder_sparse_step",
    "final_logit_softcapping",
    "full_attention_interval",
    "max_window_layers",
    "num_experts",
    "num_local_experts",
    "original_max_position_embeddings",
    "partial_rotary_factor",
    "query_pre_attn_scalar",
    "rms_norm_eps",
    "rope_local_base_freq",
    "rope_theta",
    "sliding_window",
    "sliding_window_pattern",
    "_sliding_window_pattern",
)
ABOVE_ZERO = ("query_pre_attn_scalar", "full_attention_interval")
FLAGS = (
    "attention_bias",
    "attn_output_gate",
    "mlp_bias",
    "norm_topk_prob",
    "tie_word_embeddings",
    "use_sliding_window",
)
TEXTS = ("hidden_act", "hidden_activation")
LISTS_OF_TEXT = ("layer_types",)


def wrong_kind(name, value) -> str | None:
    """What a field should be and is not; None where it is that, or null, or of a kind that its
    reader checks."""
    if value is None:
        return None
    finite = number(value) is not None
    if name in ABOVE_ZERO and not (finite and value > 0):
        return "a number above 0"
    if name in NUMBERS and not (finite and abs(value) < LARGEST):
        return "a number"
    if name in FLAGS and boolean(value) is None:
        return "true or false"
    if name in TEXTS and not isinstance(value, str):
        return "a text"
    if name in LISTS_OF_TEXT:
        texts = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
        return None if texts else "a list of texts"
    return None


class Fields:
    """The fields of one configuration, with the family's defaults; errors name file and field."""

    def __init__(self, values, defaults, file):
        self.values, self.defaults, self.file = values, defaults, file

    def get(self, name):
        """The value; the family's default where the field is absent, None where both are.

        Raises:
            InputError: it is of another kind than the field.
        """
        value = self.values.get(name, self.defaults.get(name))
        if wanted := wrong_kind(name, value):
            raise InputError(
                f"is {value!r}, not {wanted}",
                file=self.file,
                field=name,
                remedy=FETCH,
            )
        return value

    def integer(self, name, otherwise=None):
        """A positive integer; `otherwise` where it is absent or null, an error if that is None."""
        value = self.get(name)
        if value is None:
            value = otherwise
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**63:
            problem = "is missing" if value is None else f"is {value!r}, not a positive integer"
            raise InputError(problem, file=self.file, field=name, remedy=FETCH)
        return value

    def needed(self, name):
        """As `get`, where the field may not be null either."""
        value = self.get(name)
        if value is None:
            raise InputError("is missing", file=self.file, field=name, remedy=FETCH)
        return value


def all_full(fields, n_layers):
    """The kinds of layers of a family without sliding windows."""
    return ("full",) * n_layers


def no_fields(_):
    """No further fields, in either direction."""
    return {}


@dataclasses.dataclass(frozen=True)
class Gguf:
    """How llama.cpp's files say a family.

    Fields:
        architecture: `general.architecture`.
        values: takes the open `GgufFile` and the fields of `config.json` read so far; returns
            further ones. None values mean absent.
        rotates_pairs: query and key rows are stored for rotation of neighbouring pairs.
        names: our path -> GGUF's name.
    """

    architecture: str
    values: Callable[[Any, dict], dict] = lambda file, values: {}
    rotates_pairs: bool = False
    names: dict[str, str] = dataclasses.field(default_factory=lambda: GGUF_NAMES)


@dataclasses.dataclass(frozen=True)
class Family:
    """One model family.

    Fields:
        name: `DecoderConfig.family`.
        class_prefix: of its classes in transformers, such as 'Llama' of LlamaForCausalLM.
        model_types: `model_type` of its files; the first is written.
        rows: the key table; rows without a parameter in an architecture are left out.
        defaults: what transformers assumes where a file is silent.
        read: takes the `Fields` of a file; returns fields of `DecoderConfig` beside those that all
            families share.
        write: its inverse: takes a `DecoderConfig`, returns fields of `config.json`.
        layer_types: takes `Fields` and the number of layers; returns 'full', 'sliding' or 'linear'
            for each layer where a file does not list them.
        rope_by_layer_type: files scale the rotary embedding of full layers only, and keep that of
            sliding layers apart.
        rope_aliases: names of kinds of rotary embeddings in its files -> ours, where they differ.
        rope_passed_over: fields of the rotary embedding that say nothing about text.
        reads: fields that `hf_config.REFUSED` names and this family reads all the same.
        gguf: how GGUF files say it; None if none do.
    """

    name: str
    class_prefix: str
    model_types: tuple[str, ...]
    rows: tuple[Row, ...]
    defaults: dict[str, Any]
    read: Callable[[Fields], dict] = no_fields
    write: Callable[[DecoderConfig], dict] = no_fields
    layer_types: Callable[[Fields, int], tuple[str, ...]] = all_full
    rope_by_layer_type: bool = False
    rope_aliases: dict[str, str] = dataclasses.field(default_factory=dict)
    rope_passed_over: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    gguf: Gguf | None = None


def listed_layer_types(config):
    """`layer_types` of `config.json` for an architecture."""
    kinds = {ours: theirs for theirs, ours in LAYER_TYPES.items()}
    return [kinds[kind] for kind in config.layer_types or ("full",) * config.n_layers]
