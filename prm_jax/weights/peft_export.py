"""Writing low-rank adapters of ours as a directory that peft loads on top of its base model."""

import dataclasses
import shutil
import tempfile
from pathlib import Path

import numpy as np

from prm_jax.errors import InputError, few
from prm_jax.files import check_place, write_json
from prm_jax.models import abstract_params, paths
from prm_jax.weights import hf_head, hf_tables
from prm_jax.weights.assemble import first_rows, stored_shape
from prm_jax.weights.export import put_in_place, require_replaceable, room_in_place_of
from prm_jax.weights.hf import RECORD
from prm_jax.weights.peft_adapter import CONFIG, PREFIX, WEIGHTS
from prm_jax.weights.safetensors_files import save_tensors

TAKEN_HEADS = ("scalar", "linear")
REMEDY = "export the merged model (without --adapter)"


def export_adapter(
    directory,
    model,
    params,
    adapters,
    tokenizer,
    *,
    base,
    aggregation=None,
    training=None,
    threshold=None,
):
    """Writes `adapter_config.json`, `adapter_model.safetensors`, the tokenizer and `prm_jax.json`.

    A scalar or linear head is a module saved whole (`modules_to_save`), a head of two tokens of the
    vocabulary has no parameters. Parameters that the family's files hold in one tensor (Phi's
    `qkv_proj`) have one adapter there, of a rank of its own (`rank_pattern`). The directory appears
    whole or not at all.

    Args:
        directory: where to write; an earlier export in its place is replaced.
        model: `Decoder`; its head is recorded.
        params: nested dict; of it only `head` is written.
        adapters: as `models.init_lora` gives them, layers in one group.
        tokenizer: `Tokenizer`; its convention is recorded.
        base: name or directory of the base model, as peft is to find it.
        aggregation, training, threshold: to be recorded, as `export` takes them.

    Raises:
        InputError: the directory holds something else, or peft has no place for the head or for an
            adapter.
    """
    directory = Path(directory)
    check_place(directory)
    require_replaceable(directory)
    tensors, rank, alpha, modules = _factors(model.config, adapters)
    joined = {module: n for module, n in modules.items() if n > 1}
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
        "target_modules": sorted(modules),
        "rank_pattern": {module: n * rank for module, n in joined.items()},
        "alpha_pattern": {module: n * alpha for module, n in joined.items()},
        "modules_to_save": ["score"] if saved else None,
    }
    convention = tokenizer.convention
    record = {
        "head": None if model.head is None else dataclasses.asdict(model.head),
        "convention": None if convention is None else convention.to_dict(),
        "aggregation": aggregation,
        "training": training,
        **({} if threshold is None else {"threshold": threshold}),
    }
    temporary = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))
    try:
        with room_in_place_of(directory, temporary):
            save_tensors(temporary / WEIGHTS, tensors | saved, {"format": "pt"})
            tokenizer.save(temporary)
            write_json(temporary / CONFIG, config)
            write_json(temporary / RECORD, record)
        put_in_place(temporary, directory)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _factors(config, adapters):
    """`(tensors, rank, alpha, {module: how many adapters it joins})`; all have one rank and alpha.

    Adapters of parameters that are stored as one tensor become one adapter of it, whose rank is the
    sum of theirs: their A one below the other, their B as blocks on a diagonal, and zeros where a
    parameter has none.
    """
    rows = {row.path: row for row in hf_tables.rows_for(config, None)}
    parameters, leaves = paths(abstract_params(config)), paths(adapters)
    firsts = first_rows([rows[path] for path in parameters], parameters)
    adapted: dict[tuple, list[str]] = {}  # (key, its first layer) -> paths
    ranks, alphas = set(), set()
    for path in sorted({name.rsplit("/", 1)[0] for name in leaves}):
        a, scale = (np.asarray(leaves[f"{path}/{part}"]) for part in ("a", "scale"))
        if path not in rows or a.shape[0] != config.n_blocks:
            raise InputError(
                f"peft has no place for the adapter of {path}", field="adapter", remedy=REMEDY
            )
        ranks.add(a.shape[-1])
        alphas |= set((scale * a.shape[-1]).tolist())
        adapted.setdefault((rows[path].key, rows[path].first), []).append(path)
    if len(ranks) != 1 or len(alphas) != 1:
        raise InputError(
            f"adapters of ranks {few(sorted(ranks))} and alphas {few(sorted(alphas))}",
            field="adapter",
            remedy=REMEDY,
        )
    tensors, rank, modules = {}, ranks.pop(), {}
    for (key, _), joined in adapted.items():
        modules[key.removesuffix(".weight").rsplit(".", 1)[1]] = len(joined)
        together = rows[joined[0]].fused or joined
        outputs = sum(stored_shape(rows[path], parameters)[0] for path in together)
        for place in range(config.n_blocks):
            inward = [np.asarray(leaves[f"{path}/a"][place]).T for path in joined]
            outward = np.zeros((outputs, rank * len(joined)), inward[0].dtype)
            for i, path in enumerate(joined):
                part = np.asarray(leaves[f"{path}/b"][place]).T
                first = firsts[path]
                outward[first : first + len(part), rank * i : rank * (i + 1)] = part
            name = PREFIX + rows[joined[0]].key_at(place).removesuffix(".weight")
            tensors[f"{name}.lora_A.weight"] = np.concatenate(inward)
            tensors[f"{name}.lora_B.weight"] = outward
    return tensors, rank, alphas.pop(), modules


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
