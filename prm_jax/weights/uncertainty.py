"""Files of an uncertainty head: its tensors, and a record of what it is and was trained on."""

import dataclasses
from pathlib import Path
from typing import Any

from prm_jax.errors import InputError
from prm_jax.models.uncertainty_head import UncertaintyHeadConfig
from prm_jax.weights.added_layers import read_layers, read_record, save_layers

RECORD = "uncertainty_head.json"


def save_uncertainty_head(directory, config: UncertaintyHeadConfig, params, record: dict) -> None:
    """Writes `model.safetensors` and, when that is whole, `uncertainty_head.json`.

    Args:
        directory: made if it does not exist.
        config: the head. params: its parameters.
        record: JSON-able; `model_fingerprint`, `convention` and `dtype` of the frozen model are
            what a scorer checks.
    """
    save_layers(directory, RECORD, params, {"head": dataclasses.asdict(config), **record})


def load_uncertainty_head(directory) -> tuple[UncertaintyHeadConfig, Any, dict]:
    """Reads what `save_uncertainty_head` wrote.

    Returns:
        `(config, params, record)`.

    Raises:
        InputError: there is no such head, or its files do not fit together.
    """
    directory = Path(directory).expanduser()
    trainer = "experiments.train_uncertainty_head"
    record = read_record(directory, RECORD, "uncertainty head", trainer, {"head": dict})
    try:
        config = UncertaintyHeadConfig(**record["head"])
    except TypeError as error:
        raise InputError(
            f"does not describe a head: {error}", file=directory / RECORD, field="head"
        ) from error
    return config, read_layers(directory), record
