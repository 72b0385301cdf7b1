"""Names of stored tensors as others write them -> names as transformers writes them.

What wraps a model when it is saved leaves a prefix (`_orig_mod.`, `pretrained_model.`, `module.`,
`base_model.model.`) or, for a bare backbone, takes one away. The embedding tells which: whatever
stands before `embed_tokens.weight` stands for `model.`. Heads have names of their own in other
libraries; each is here `score`, the name transformers uses.
"""

import re

from absl import logging

from prm_jax.errors import InputError, few
from prm_jax.weights.hf_tables import plain_key

BACKBONE, EMBEDDING = "model.", "embed_tokens.weight"

# Wrappers that stand anywhere in a name: torch.compile, FSDP, activation checkpointing.
INSIDE = re.compile(r"(^|\.)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")

# TRL's and LLaMA-Factory's value head, OpenRLHF's older one, and other names of a linear layer on
# the states.
HEADS = (
    "v_head.summary",
    "value_head.summary",
    "value_head",
    "v_head",
    "reward_head",
    "regression_head",
)

UNMERGED = re.compile(r"\.(lora_[A-Za-z_]+|base_layer|modules_to_save)\.")
QUANTISED = re.compile(
    r"\.(qweight|qzeros|weight_packed|weight_scale(_inv)?|SCB|quant_state\..*|absmax|quant_map)$"
)


def plain_keys(keys, file, head_prefix=None):
    """The name that transformers would give each tensor of a checkpoint.

    Args:
        keys: names of its tensors.
        file: where they are, for messages.
        head_prefix: name of the head's layer, where `config.json` gives one (OpenRLHF's
            `value_head_prefix`).

    Returns:
        dict: key -> name.

    Raises:
        InputError: quantised tensors, an adapter that was not merged, or two tensors of one name.
    """
    refuse(keys, file)
    names = {key: plain_key(INSIDE.sub(r"\1", key)) for key in keys}
    found = {name.removesuffix(EMBEDDING) for name in names.values() if name.endswith(EMBEDDING)}
    if len(found) == 1 and found != {BACKBONE}:
        prefix = found.pop()
        wrapper = prefix.removesuffix(BACKBONE)
        heads = {} if prefix else {key: n for key, n in names.items() if not _of_backbone(n)}
        names = {key: _unwrapped(name, prefix, wrapper) for key, name in names.items()} | heads
        logging.info("%s: names start with %r where transformers has %r", file, prefix, BACKBONE)
    known = set(names.values())
    for head in (*HEADS, *([head_prefix] if isinstance(head_prefix, str) else [])):
        if f"{head}.weight" in known and "score.weight" not in known:
            own = {f"{head}.{part}": f"score.{part}" for part in ("weight", "bias")}
            names = {key: own.get(name, name) for key, name in names.items()}
            break
    if len(set(names.values())) < len(names):
        taken: dict[str, str] = {}
        for key, name in names.items():
            if (other := taken.setdefault(name, key)) != key:
                raise InputError(
                    f"{other} and {key} are both {name}",
                    file=file,
                    remedy="keep one of them and save again",
                )
    return names


def refuse(keys, file):
    """Raises `InputError` for tensors that are no plain weights."""
    if quantised := sorted(key for key in keys if QUANTISED.search(key)):
        raise InputError(
            f"holds quantised weights: {few(quantised, 1)}",
            file=file,
            remedy="dequantise them and save in bfloat16, or use the model in GGUF",
        )
    if unmerged := sorted(key for key in keys if UNMERGED.search(key)):
        raise InputError(
            f"holds an adapter that was not merged: {few(unmerged, 1)}",
            file=file,
            remedy="save the adapter alone (peft's save_pretrained), or merge_and_unload() first",
        )


def _of_backbone(name):
    """Whether a name without any prefix is one of the backbone's."""
    return name.startswith(("layers.", "norm.", "embed_tokens."))


def _unwrapped(name, prefix, wrapper):
    """Also of what is not in the backbone: `model.model.` stands beside `model.lm_head`, and
    `module.pretrained_model.model.` beside `module.v_head`.
    """
    if name.startswith(prefix):
        return BACKBONE + name.removeprefix(prefix)
    while wrapper and not name.startswith(wrapper):
        wrapper = wrapper[: wrapper.rstrip(".").rfind(".") + 1]
    return name.removeprefix(wrapper)
