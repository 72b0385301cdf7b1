"""Writing low-rank adapters of ours as a directory that peft loads on top of its base model."""

import dataclasses
import shutil
import tempfile
from pathlib import Path

import numpy as np

from prm_jax.errors import InputError, few
from prm_jax.files import write_json
from prm_jax.models import paths
from prm_jax.weights import hf_head, hf_tables
from prm_jax.weights.export import put_in_place, require_replaceable
from prm_jax.weights.hf import RECORD
from prm_jax.weights.peft_adapter import CONFIG, PREFIX, WEIGHTS
from prm_jax.weights.safetensors_files import save_tensors

TAKEN_HEADS = ("scalar", "linear")
REMEDY = "export the merged model (without --adapter)"


def export_adapter(directory, model, params, adapters, tokenizer, *, base, aggregation=None):
    """Writes `adapter_config.json`, `adapter_model.safetensors`, the tokenizer and `prm_jax.json`.

    A scalar or linear head is a module saved whole (`modules_to_save`), a head of two tokens of the
    vocabulary has no parameters. The directory appears whole or not at all.

    Args:
        directory: where to write; an earlier export in its place is replaced.
        model: `Decoder`; its head is recorded.
        params: nested dict; of it only `head` is written.
        adapters: as `models.init_lora` gives them, layers in one group.
        tokenizer: `Tokenizer`; its convention is recorded.
        base: name or directory of the base model, as peft is to find it.
        aggregation: name of the aggregation, to be recorded.

    Raises:
        InputError: the directory holds something else, or peft has no place for the head or for an
            adapter.
    """
    directory = Path(directory)
    require_replaceable(directory)
    tensors, rank, alpha, modules = _factors(model.config, adapters)
    task, saved = _head(model.head, tokenizer.convention, params.get("head"))
    config = {
        "peft_type": "LORA",
        "task_type": task,
        "base_model_name_or_path": str(base),
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "target_modules": modules,
        "modules_to_save": ["score"] if saved else None,
    }
    convention = tokenizer.convention
    record = {
        "head": None if model.head is None else dataclasses.asdict(model.head),
        "convention": None if convention is None else convention.to_dict(),
        "aggregation": aggregation,
    }
    directory.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))
    try:
        save_tensors(temporary / WEIGHTS, tensors | saved, {"format": "pt"})
        tokenizer.save(temporary)
        write_json(temporary / CONFIG, config)
        write_json(temporary / RECORD, record)
        put_in_place(temporary, directory)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _factors(config, adapters):
    """`(tensors, rank, alpha, names of the modules)` of adapters that all have one rank."""
    rows = {row.path: row for row in hf_tables.rows_for(config.family, None)}
    leaves = paths(adapters)
    tensors, ranks, alphas, modules = {}, set(), set(), set()
    for path in sorted({name.rsplit("/", 1)[0] for name in leaves}):
        a, b, scale = (np.asarray(leaves[f"{path}/{part}"]) for part in ("a", "b", "scale"))
        if path not in rows or a.shape[0] != config.n_layers:
            raise InputError(
                f"peft has no place for the adapter of {path}", field="adapter", remedy=REMEDY
            )
        ranks.add(a.shape[-1])
        alphas |= set((scale * a.shape[-1]).tolist())
        module = rows[path].key.removesuffix(".weight")
        modules.add(module.rsplit(".", 1)[1])
        for layer in range(config.n_layers):
            name = PREFIX + module.format(layer)
            tensors[f"{name}.lora_A.weight"] = a[layer].T
            tensors[f"{name}.lora_B.weight"] = b[layer].T
    if len(ranks) != 1 or len(alphas) != 1:
        raise InputError(
            f"adapters of ranks {few(sorted(ranks))} and alphas {few(sorted(alphas))}",
            field="adapter",
            remedy=REMEDY,
        )
    return tensors, ranks.pop(), alphas.pop(), sorted(modules)


def _head(head, convention, params):
    """`(task type, tensors)` of a head."""
    if head is None or head.kind == "two_token" and not head.gate:
        return "CAUSAL_LM", {}
    if head.kind not in TAKEN_HEADS or head.gate:
        raise InputError(
            f"peft has no place for a head of kind {head.kind!r}", field="head", remedy=REMEDY
        )
    saved = {f"{PREFIX}score.weight": np.asarray(params["kernel"], np.float32).T}
    if hf_head.pools(head, convention):
        return "SEQ_CLS", saved
    # Transformers' token classifiers always have a bias.
    bias = params["bias"] if head.bias else np.zeros(head.n_classes)
    return "TOKEN_CLS", saved | {f"{PREFIX}score.bias": np.asarray(bias, np.float32)}
