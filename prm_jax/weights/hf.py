"""Loading a Hugging Face directory: configuration, head and parameters."""

import dataclasses
import re
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
from absl import logging

from prm_jax.errors import InputError
from prm_jax.json_files import FETCH, Kinds, read_json, require_kinds
from prm_jax.models import HeadConfig, abstract_params
from prm_jax.weights import hf_config, hf_head, hf_keys, hf_tables, peft_adapter
from prm_jax.weights.assemble import assemble
from prm_jax.weights.fused_experts import separate_experts
from prm_jax.weights.safetensors_files import (
    SafetensorsDirectory,
    no_weights,
    remedy,
    require_floats,
)

RECORD = "prm_jax.json"
KINDS: Kinds = {
    "head": (dict, NoneType),
    "convention": (dict, NoneType),
    "aggregation": (str, NoneType),
    "training": (dict, NoneType),
    "threshold": (dict, NoneType),
    "weights": (dict, NoneType),
}
"""What its fields may be."""
UNEMBEDDING, EMBEDDING = "lm_head.weight", "model.embed_tokens.weight"

HEAD_KINDS: Kinds = {
    "kind": str,
    "n_classes": int,
    "bias": bool,
    "positive_id": (int, NoneType),
    "negative_id": (int, NoneType),
    "reading": str,
    "gate": bool,
}
"""The same of `head`."""


def load_directory(directory, *, dtype="float32", mesh=None, base=None, look=None):
    """Reads a checkpoint directory.

    Args:
        directory: holds `config.json` and safetensors files; `prm_jax.json` if it is an export of
            ours; or a peft adapter.
        dtype: dtype of the parameters.
        mesh: where to put them; None is the default device.
        base: of an adapter; see `peft_adapter.base_directory`.
        look: as in `load_model`.

    Returns:
        `(DecoderConfig, HeadConfig or None, params, values)`; `values` is the content of
        `config.json`, for an adapter the base's as the adapter changes it.

    Raises:
        InputError: a missing, truncated or contradictory file, an unsupported feature, tensors
            missing or left over.
    """
    directory = Path(directory)
    adapter = directory if peft_adapter.is_adapter(directory) else None
    if adapter is not None:
        directory = peft_adapter.base_directory(adapter, base)
        logging.info("%s: an adapter of %s", adapter, directory)
    require_config(directory)
    values = read_json(directory / "config.json")
    require_kinds(values, {"value_head_prefix": (str, NoneType)}, directory / "config.json")
    hf_head.require_names(values, directory / "config.json")
    refuse_quantised(values, directory / "config.json")
    source = open_tensors(directory, values)
    if adapter is not None:
        source, values = adapt(adapter, source, values)
    config = hf_config.read_config(values, directory / "config.json")
    head = read_head(directory, adapter, source, values)
    if look is not None:
        places = [place for place in (adapter, directory) if place is not None]
        look(head is None and not any(read_record(place).get("convention") for place in places))
    ignorable = list(hf_tables.IGNORABLE)
    if head is None or head.kind in ("two_token", "easy_to_hard"):
        ignorable.append(re.compile(r"^score\."))
    elif head.kind in ("scalar", "linear") and not head.bias:
        ignorable.append(re.compile(r"^score\.bias$"))  # an export writes zeros for transformers
    if config.tied and UNEMBEDDING in source.shapes:
        if EMBEDDING not in source.shapes:
            source = Renamed(source, UNEMBEDDING, EMBEDDING)
        elif same_embeddings(source):
            ignorable.append(re.compile(rf"^{re.escape(UNEMBEDDING)}$"))
        else:
            config = dataclasses.replace(config, tied=False)
            logging.warning(
                "%s: %s differs from %s although config.json ties them; both are read, as "
                "transformers does",
                source.file,
                UNEMBEDDING,
                EMBEDDING,
            )
    require_floats(source, ignorable)
    abstract = abstract_params(config, head)
    needs_unembedding = head is None or head.kind == "two_token"
    if not config.tied and UNEMBEDDING not in source.shapes and not needs_unembedding:
        abstract = {name: leaf for name, leaf in abstract.items() if name != "unembed"}
    rows = hf_tables.rows_for(config, head)
    params = assemble(source, rows, abstract, dtype=dtype, mesh=mesh, ignorable=ignorable)
    return config, head, params, values


def require_config(directory):
    """Raises `InputError` for a directory without `config.json`, which may lack weights as well."""
    if (directory / "config.json").exists():
        return
    if not list(directory.glob("*.safetensors")):
        raise InputError(no_weights(directory), file=directory, remedy=remedy(directory))
    raise InputError(
        "no such file",
        file=directory / "config.json",
        remedy="copy it from where the weights come from (save_pretrained of transformers "
        "writes both)",
    )


def open_tensors(directory, values):
    """The tensors of a directory, a value head in a file of its own included."""
    file = directory / "config.json"

    def rename(keys):
        return hf_keys.plain_keys(keys, directory, values.get("value_head_prefix"))

    name = values.get("transformers_weights")
    if name is not None and (not isinstance(name, str) or Path(name).name != name):
        raise InputError("is not the name of a file", file=file, field="transformers_weights")
    pickled = directory / "value_head.bin"
    if pickled.is_file() and not (directory / peft_adapter.VALUE_HEAD).is_file():
        raise InputError(
            "holds the reward model's head in PyTorch's pickle format",
            file=pickled,
            remedy=f"save it as {peft_adapter.VALUE_HEAD}, or take the file away to read the "
            "language model alone",
        )
    beside = (peft_adapter.VALUE_HEAD,)
    return separate_experts(SafetensorsDirectory(directory, rename, name=name, beside=beside))


def adapt(adapter, source, values):
    """`(source, values)` of a base with an adapter merged into it."""
    inner = values.get("text_config") if isinstance(values.get("text_config"), dict) else values
    tied = bool(values.get("tie_word_embeddings", inner.get("tie_word_embeddings")))
    adapted = peft_adapter.AdaptedSource(adapter, source, tied)
    changed = dict(values)
    if adapted.architecture is not None:
        changed["architectures"] = [adapted.architecture]
    if EMBEDDING in adapted.shapes:
        # A vocabulary that grew before training is saved whole, and the base's file does not know.
        size = {"vocab_size": adapted.shapes[EMBEDDING][0]}
        changed |= size if inner is values else {"text_config": inner | size}
    return adapted, changed


def read_head(directory, adapter, source, values):
    """The head: what a record says, else what the tensors are."""
    places = [place for place in (adapter, directory) if place is not None]
    for place in places:
        record = read_record(place)
        if record.get("head") is not None:
            return recorded_head(record["head"], place / RECORD)
        if place is adapter and "score.weight" in source.shapes:
            break
    return hf_head.read_head(values, source.shapes, directory / "config.json")


def read_record(directory):
    """The content of `prm_jax.json`, {} without one."""
    return read_json(Path(directory) / RECORD, KINDS, optional=True)


def recorded(model_name, key):
    """What the `prm_jax.json` of a model, or of a workdir's export, says under a key; else None."""
    for place in (Path(model_name), Path(model_name) / "export"):
        if record := read_record(place):
            return record.get(key)
    return None


def recorded_head(values, file):
    """The `HeadConfig` written in a record."""
    kinds = {name: kind for name, kind in HEAD_KINDS.items() if name in values}
    require_kinds(values, kinds, file, within="head")
    try:
        return HeadConfig(**values)
    except InputError as error:
        raise InputError(error.problem, file=file, field="head", remedy=error.remedy) from error
    except TypeError as error:
        raise InputError(
            "does not describe a head", file=file, field="head", remedy=FETCH
        ) from error


@dataclasses.dataclass(frozen=True)
class Renamed:
    """A source of tensors of which one has another name: `was`, now `name`."""

    source: Any
    was: str
    name: str

    @property
    def file(self):
        """The source's file."""
        return self.source.file

    @property
    def shapes(self):
        """The source's shapes."""
        return self._renamed(self.source.shapes)

    @property
    def dtypes(self):
        """The source's dtypes."""
        return self._renamed(self.source.dtypes)

    def _renamed(self, values):
        return {self.name if key == self.was else key: value for key, value in values.items()}

    def read(self, key, index):
        """A block of a tensor."""
        return self.source.read(self.was if key == self.name else key, index)


def same_embeddings(source, rows_at_once=8192):
    """Whether the stored unembedding is the stored embedding."""
    if source.shapes[EMBEDDING] != source.shapes[UNEMBEDDING]:
        return False
    n_rows, _ = source.shapes[EMBEDDING]
    for start in range(0, n_rows, rows_at_once):
        index = (slice(start, min(start + rows_at_once, n_rows)), slice(None))
        if not np.array_equal(source.read(EMBEDDING, index), source.read(UNEMBEDDING, index)):
            return False
    return True


def refuse_quantised(values, file):
    """Raises `InputError` for a configuration that says that the weights are quantised."""
    method = values.get("quantization_config")
    if method:
        name = method.get("quant_method") if isinstance(method, dict) else None
        raise InputError(
            f"weights quantised by {name or 'another library'} are not read",
            file=file,
            field="quantization_config",
            remedy="dequantise them and save in bfloat16, or use the model in GGUF",
        )
