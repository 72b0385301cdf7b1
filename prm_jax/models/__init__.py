"""Decoders, heads, adapters, freezing and sharding: everything that knows a parameter tree."""

from prm_jax.models.config import DecoderConfig, Rope
from prm_jax.models.decoder import Decoder, DecoderOutput
from prm_jax.models.freeze import combine, partition
from prm_jax.models.heads import HeadConfig, apply_head, gather_steps, init_head, step_logit
from prm_jax.models.lora import init_lora, merge_lora
from prm_jax.models.params import abstract_params, init_params
from prm_jax.models.presets import PRESETS
from prm_jax.models.sharding import (
    PARTITION_RULES,
    batch_sharding,
    check_experts,
    check_row_length,
    make_mesh,
    param_shardings,
    row_shares,
)
from prm_jax.models.tree import (
    from_paths,
    keep_lower_layers,
    paths,
    resegment,
    segments_of,
)

__all__ = [
    "PARTITION_RULES",
    "PRESETS",
    "Decoder",
    "DecoderConfig",
    "DecoderOutput",
    "HeadConfig",
    "Rope",
    "abstract_params",
    "apply_head",
    "batch_sharding",
    "check_experts",
    "check_row_length",
    "combine",
    "from_paths",
    "gather_steps",
    "init_head",
    "init_lora",
    "init_params",
    "keep_lower_layers",
    "make_mesh",
    "merge_lora",
    "param_shardings",
    "partition",
    "paths",
    "resegment",
    "row_shares",
    "segments_of",
    "step_logit",
]
