"""The rotary fields of `config.json` <-> `Rope`.

Transformers 4 writes `rope_theta` and `rope_scaling`, and for Gemma 3 `rope_local_base_freq`;
transformers 5 writes `rope_parameters`, one dict, or one a layer type.
"""

from typing import Any

from absl import logging

from prm_jax.errors import InputError
from prm_jax.models.config import Rope
from prm_jax.weights.families.record import LAYER_TYPES

ROPE_FIELDS = {
    "factor": "factor",
    "original_max_position_embeddings": "original_max_position",
    "low_freq_factor": "low_freq_factor",
    "high_freq_factor": "high_freq_factor",
    "beta_fast": "beta_fast",
    "beta_slow": "beta_slow",
    "attention_factor": "attention_factor",
    "mscale": "mscale",
    "mscale_all_dim": "mscale_all_dim",
    "truncate": "truncate",
    "short_factor": "short_factor",
    "long_factor": "long_factor",
}
ROPE_USES = {
    "default": (),
    "linear": ("factor",),
    "dynamic": ("factor",),
    "llama3": (
        "factor",
        "original_max_position_embeddings",
        "low_freq_factor",
        "high_freq_factor",
    ),
    "yarn": (
        "factor",
        "original_max_position_embeddings",
        "beta_fast",
        "beta_slow",
        "attention_factor",
        "mscale",
        "mscale_all_dim",
        "truncate",
    ),
    "longrope": (
        "factor",
        "original_max_position_embeddings",
        "attention_factor",
        "short_factor",
        "long_factor",
    ),
}
KNOWS_ORIGINAL = ("llama3", "yarn", "longrope")
LISTS = ("short_factor", "long_factor")

# Fields that published files hold and transformers passes over; so do we, and say so. llama.cpp
# and vLLM multiply by `attn_factor`, so that one checkpoint has two sets of logits there.
PASSED_OVER = ("attn_factor", "finetuned")


def read_rope(family, fields):
    """The rotary embedding of full layers and that of sliding ones, from either layout.

    Args:
        family: `Family`.
        fields: `Fields` of the file.

    Returns:
        Two `Rope`s.

    Raises:
        InputError: a kind or a field that we do not have, or one of the wrong type.
    """
    parameters = dictionary(fields, "rope_parameters")
    legacy = dictionary(fields, "rope_scaling")
    theta = fields.get("rope_theta") or 10_000.0
    local_theta = fields.get("rope_local_base_freq") or theta
    if any(kind in parameters for kind in LAYER_TYPES):
        if beside := sorted(set(parameters) - set(LAYER_TYPES)):
            raise InputError(
                f"has {', '.join(beside)} beside its layer types",
                field="rope_parameters",
                remedy="give each layer type its own fields",
            )
        full = parameters.get("full_attention") or {}
        sliding = parameters.get("sliding_attention") or {}
        return (
            one_rope(family, full | legacy, theta, fields, by_layer_type=True),
            one_rope(family, sliding, local_theta, fields, by_layer_type=True),
        )
    full = one_rope(family, legacy or parameters, theta, fields)
    if family.rope_by_layer_type:
        # Written before layer types had their own parameters: scaling is of the full layers only.
        return full, Rope(theta=local_theta)
    return full, full


def dictionary(fields, name):
    """A field that holds an object; {} where it is absent or null."""
    value = fields.get(name)
    if value is not None and not isinstance(value, dict):
        raise InputError(
            f"is {value!r}, not an object",
            field=name,
            remedy="give an object such as {'rope_type': 'yarn', 'factor': 4.0}, or null",
        )
    return value or {}


def one_rope(family, parameters, theta, fields, by_layer_type=False):
    """A `Rope` from one dict of parameters.

    Args:
        family: `Family`.
        parameters: the dict.
        theta: where the dict has none.
        fields: `Fields` of the file.
        by_layer_type: the dict is that of one layer type.
    """
    kind = parameters.get("rope_type") or parameters.get("type") or "default"
    kind = family.rope_aliases.get(kind, kind) if isinstance(kind, str) else kind
    if not isinstance(kind, str) or kind not in ROPE_USES:
        raise InputError(
            f"unsupported RoPE scaling {kind!r}",
            field="rope_type",
            remedy=f"supported are {', '.join(ROPE_USES)}",
        )
    given = {
        key: value
        for key, value in parameters.items()
        if key not in ("rope_type", "type", "rope_theta", *family.rope_passed_over)
        and value is not None
    }
    fraction = given.pop("partial_rotary_factor", None)
    if fraction is None:
        fraction = fields.get("partial_rotary_factor")
    if fraction is None:
        fraction = 1.0
    if fraction != 1 and "partial_rotary_factor" not in family.reads:
        raise InputError(
            f"models of family {family.name} rotate whole heads, not a fraction {fraction!r}",
            field="partial_rotary_factor",
            remedy="transformers passes over it or fails for this family: set it to 1.0",
        )
    for key in sorted(set(given) & set(PASSED_OVER)):
        logging.warning(
            "RoPE field %s is passed over, as transformers does; other engines may use it", key
        )
        del given[key]
    if unknown := sorted(set(given) - set(ROPE_FIELDS)):
        raise InputError(
            f"unsupported RoPE parameters {', '.join(unknown)}",
            field="rope_scaling",
            remedy="transformers passes over fields that it does not know: delete them from the "
            "file if the model was trained and checked that way",
        )
    check_values(kind, given, parameters.get("rope_theta") or theta, fraction)
    if "truncate" in ROPE_USES[kind] and family.rope_by_layer_type | by_layer_type:
        # Transformers 4 rounds the ramp's ends by this field; transformers 5 does not look for it
        # inside a layer type.
        if given.get("truncate") is False:
            raise InputError(
                "is false for one layer type: transformers 4 follows it and 5 passes over it",
                field="truncate",
                remedy="set it to true, which is what transformers 5 computes",
            )
    used: dict[str, Any] = {
        ROPE_FIELDS[key]: tuple(given[key]) if key in LISTS else given[key]
        for key in ROPE_USES[kind]
        if key in given
    }
    longest = fields.integer("max_position_embeddings")
    if kind in KNOWS_ORIGINAL:
        # A number beside the dict goes before the one inside it, as in transformers.
        beside = fields.get("original_max_position_embeddings")
        if beside is not None and not by_layer_type:
            used["original_max_position"] = fields.integer("original_max_position_embeddings")
        used.setdefault("original_max_position", longest)
    elif kind == "dynamic":
        used["original_max_position"] = longest
    if kind in ("yarn", "longrope") and "factor" not in used:
        used["factor"] = longest / used["original_max_position"]
    needed = [key for key in ("factor", *LISTS) if key in ROPE_USES[kind] and key not in used]
    if needed:
        raise InputError(
            f"RoPE scaling {kind!r} needs {' and '.join(needed)}",
            field=needed[0],
            remedy="take the field from the file that the model was published with",
        )
    return Rope(
        theta=float(parameters.get("rope_theta") or theta),
        kind=kind,
        rotary_fraction=float(fraction),
        **used,
    )


def check_values(kind, given, theta, fraction):
    """Raises `InputError` for a value of the wrong type or out of range."""

    def number(value):
        return isinstance(value, int | float) and not isinstance(value, bool) and value > 0

    for key in ROPE_USES[kind]:
        value = given.get(key)
        if value is None or key == "truncate":
            continue
        if key in LISTS:
            right = isinstance(value, list | tuple) and all(map(number, value))
        elif key == "original_max_position_embeddings":
            right = number(value) and value == int(value)
        else:
            right = number(value) or (value == 0 and key.startswith("mscale"))
        if not right:
            wanted = "a list of positive numbers" if key in LISTS else "a positive number"
            raise InputError(
                f"is {str(value)[:60]!r}, not {wanted}", field=key, remedy="correct it"
            )
    for key, value in (("rope_theta", theta), ("partial_rotary_factor", fraction)):
        if not number(value):
            raise InputError(f"is {value!r}, not a positive number", field=key, remedy="correct it")


def write_rope(family, config):
    """The rotary fields of an architecture of a `Family` in both layouts."""

    def parameters(rope):
        fields = {key: getattr(rope, ROPE_FIELDS[key]) for key in ROPE_USES[rope.kind]}
        given = {key: value for key, value in fields.items() if value is not None}
        given |= {key: list(given[key]) for key in LISTS if key in given}
        if rope.rotary_fraction != 1:
            given["partial_rotary_factor"] = rope.rotary_fraction
        return {"rope_type": rope.kind} | given

    full = parameters(config.rope)
    values = {
        "rope_theta": config.rope.theta,
        "rope_scaling": None if config.rope.kind == "default" else full,
    }
    full = full | {"rope_theta": config.rope.theta}
    if not family.rope_by_layer_type:
        return values | {"rope_parameters": full}
    local = config.rope_sliding or config.rope
    return values | {
        "rope_local_base_freq": local.theta,
        "rope_parameters": {
            "full_attention": full,
            "sliding_attention": parameters(local) | {"rope_theta": local.theta},
        },
    }
