"""The rotary fields of `config.json` <-> `Rope`.

Transformers 4 writes `rope_theta` and `rope_scaling`, and for Gemma 3 `rope_local_base_freq`;
transformers 5 writes
`rope_parameters`, one dict, or one a layer type.
"""

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
}
ROPE_USES = {
    "default": (),
    "linear": ("factor",),
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
}


def read_rope(family, fields):
    """The rotary embedding of full layers and that of sliding ones, from either layout."""
    parameters = fields.get("rope_parameters") or {}
    legacy = fields.get("rope_scaling")
    theta = fields.get("rope_theta") or 10_000.0
    local_theta = fields.get("rope_local_base_freq") or theta
    if any(kind in parameters for kind in LAYER_TYPES):
        full = parameters.get("full_attention") or {}
        sliding = parameters.get("sliding_attention") or {}
        return (
            one_rope(full | (legacy or {}), theta, fields),
            one_rope(sliding, local_theta, fields),
        )
    full = one_rope(legacy or parameters, theta, fields)
    if family.rope_by_layer_type:
        # Written before layer types had their own parameters: scaling is of the full layers only.
        return full, Rope(theta=local_theta)
    return full, full


def one_rope(parameters, theta, fields):
    """A `Rope` from one dict of parameters; keys that its kind does not use are refused."""
    kind = parameters.get("rope_type") or parameters.get("type") or "default"
    if kind not in ROPE_USES:
        raise InputError(
            f"unsupported RoPE scaling {kind!r}",
            field="rope_type",
            remedy=f"supported are {', '.join(ROPE_USES)}",
        )
    given = {
        key: value
        for key, value in parameters.items()
        if key not in ("rope_type", "type", "rope_theta") and value is not None
    }
    if given.pop("partial_rotary_factor", 1) != 1:
        raise InputError("this feature is not supported", field="partial_rotary_factor")
    if unknown := sorted(set(given) - set(ROPE_FIELDS)):
        raise InputError(f"unsupported RoPE parameters {', '.join(unknown)}", field="rope_scaling")
    used = {ROPE_FIELDS[key]: given[key] for key in ROPE_USES[kind] if key in given}
    if kind in ("llama3", "yarn"):
        used.setdefault("original_max_position", fields.integer("max_position_embeddings"))
    if kind == "yarn" and "factor" not in used:
        used["factor"] = fields.integer("max_position_embeddings") / used["original_max_position"]
    if kind != "default" and "factor" not in used:
        raise InputError(f"RoPE scaling {kind!r} needs a factor", field="factor")
    return Rope(theta=float(parameters.get("rope_theta") or theta), kind=kind, **used)


def write_rope(family, config):
    """The rotary fields of an architecture of a `Family` in both layouts."""

    def parameters(rope):
        fields = {key: getattr(rope, ROPE_FIELDS[key]) for key in ROPE_USES[rope.kind]}
        given = {key: value for key, value in fields.items() if value is not None}
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
