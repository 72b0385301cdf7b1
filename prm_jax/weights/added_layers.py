"""Files of layers trained on top of a model that stays as it is: tensors, and a record of them."""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from prm_jax.errors import InputError
from prm_jax.files import write_json
from prm_jax.json_files import read_json
from prm_jax.models.tree import from_paths, paths
from prm_jax.weights.safetensors_files import (
    SINGLE,
    SafetensorsDirectory,
    require_floats,
    save_tensors,
)


def save_layers(directory, record_file: str, params, record: dict) -> None:
    """Writes `model.safetensors` in float32 and, when that is whole, the record.

    Args:
        directory: made if it does not exist.
        record_file: name of the record's file, which says what the layers are.
        params: nested dict.
        record: JSON-able.
    """
    directory = Path(directory)
    tensors = {path: np.asarray(leaf, np.float32) for path, leaf in paths(params).items()}
    save_tensors(directory / SINGLE, tensors, {"format": "pt"})
    write_json(directory / record_file, record)


def read_record(directory, record_file: str, what: str, trainer: str, kinds) -> dict:
    """The record that `save_layers` wrote.

    Args:
        directory, record_file: as in `save_layers`.
        what: what should be there, and `trainer`: what makes it, for the message.
        kinds: what its fields may be, as `json_files.read_json` takes it.

    Raises:
        InputError: there is none, or it is damaged.
    """
    if not os.path.lexists(Path(directory) / record_file):
        raise InputError(f"holds no {what}", file=directory, remedy=f"train one with {trainer}")
    remedy = f"make it again with {trainer}"
    return read_json(Path(directory) / record_file, kinds, remedy=remedy)


def read_layers(directory) -> Any:
    """The parameters that `save_layers` wrote, a nested dict.

    Raises:
        InputError: they are missing or truncated, are no floats, or hold NaN.
    """
    tensors = SafetensorsDirectory(directory)
    require_floats(tensors)
    arrays = {
        # Safetensors has no slice of nothing.
        key: tensors.read(key, ...) if all(shape) else np.zeros(shape, np.float32)
        for key, shape in tensors.shapes.items()
    }
    for key, array in arrays.items():
        if np.isnan(array).any():
            raise InputError("holds NaN", file=tensors.file, field=key, remedy="make it again")
    return from_paths(arrays)


def sha256_of_layers(directory) -> str:
    """SHA-256, in hex, of the tensors that `save_layers` wrote."""
    with open(Path(directory).expanduser() / SINGLE, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
