"""Loading a Hugging Face directory: configuration, head and parameters."""

import re
from pathlib import Path

import numpy as np

from prm_jax.errors import InputError
from prm_jax.models import HeadConfig, abstract_params
from prm_jax.weights import hf_config, hf_head, hf_tables
from prm_jax.weights.assemble import assemble
from prm_jax.weights.safetensors_files import SafetensorsDirectory, read_json

RECORD = "prm_jax.json"
UNEMBEDDING, EMBEDDING = "lm_head.weight", "model.embed_tokens.weight"


def load_directory(directory, *, dtype="float32", mesh=None):
    """Reads a checkpoint directory.

    Args:
        directory: holds `config.json` and safetensors files; `prm_jax.json` if it is an export of
            ours.
        dtype: dtype of the parameters.
        mesh: where to put them; None is the default device.

    Returns:
        `(DecoderConfig, HeadConfig or None, params, record)`; `record` is the content of
        `prm_jax.json`, {} without one.

    Raises:
        InputError: a missing, truncated or contradictory file, an unsupported feature, tensors
            missing or left over.
    """
    directory = Path(directory)
    source = SafetensorsDirectory(directory, rename=hf_tables.plain_key)
    values = read_json(directory / "config.json")
    config = hf_config.read_config(values, directory / "config.json")
    record = read_json(directory / RECORD) if (directory / RECORD).is_file() else {}
    if record.get("head") is None:
        head = hf_head.read_head(values, source.shapes, directory / "config.json")
    else:
        head = recorded_head(record["head"], directory / RECORD)
    abstract = abstract_params(config, head)
    ignorable = list(hf_tables.IGNORABLE)
    if head is not None and head.kind in ("scalar", "linear") and not head.bias:
        ignorable.append(re.compile(r"^score\.bias$"))  # an export writes zeros for transformers
    if config.tied and UNEMBEDDING in source.shapes:
        require_tied(source)
        ignorable.append(re.compile(rf"^{re.escape(UNEMBEDDING)}$"))
    needs_unembedding = head is None or head.kind == "two_token"
    if not config.tied and UNEMBEDDING not in source.shapes and not needs_unembedding:
        abstract = {name: leaf for name, leaf in abstract.items() if name != "unembed"}
    rows = hf_tables.rows_for(config.family, head)
    params = assemble(source, rows, abstract, dtype=dtype, mesh=mesh, ignorable=ignorable)
    return config, head, params, record


def recorded_head(values, file):
    """The `HeadConfig` written in a record."""
    try:
        return HeadConfig(**values)
    except TypeError as error:
        raise InputError("does not describe a head", file=file, field="head") from error


def require_tied(source, rows_at_once=8192):
    """Raises `InputError` if a file that claims tied embeddings stores two different ones."""
    n_rows, _ = source.shapes[EMBEDDING]
    for start in range(0, n_rows, rows_at_once):
        index = (slice(start, min(start + rows_at_once, n_rows)), slice(None))
        if not np.array_equal(source.read(EMBEDDING, index), source.read(UNEMBEDDING, index)):
            raise InputError(
                f"{UNEMBEDDING} differs from {EMBEDDING} although config.json ties them",
                file=source.file,
                field="tie_word_embeddings",
                remedy="set it to false in config.json if the two are meant to differ",
            )
