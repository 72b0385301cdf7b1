"""Layers that were trained on top of a model are read with that model only."""

from prm_jax.errors import InputError
from prm_jax.text import StepConvention
from prm_jax.weights.fingerprint import frozen_fingerprint


def check_trained_on(directory, record: dict, params, convention: StepConvention) -> None:
    """Raises `InputError` unless layers were trained on this model, with steps marked so.

    Args:
        directory: of the layers, for the message.
        record: its `model_fingerprint`, `model`, `dtype` and `convention` say what they need.
        params: the model's parameters.
        convention: how its steps are marked.
    """
    if record.get("model_fingerprint") != frozen_fingerprint(params):
        raise InputError(
            "was trained on another model, or in another dtype",
            file=directory,
            field="model",
            remedy=f"score with {record.get('model')} in {record.get('dtype')}",
        )
    recorded = record.get("convention") or {}
    if not recorded or StepConvention.from_dict(recorded) != convention:
        trained_with = recorded.get("name")
        raise InputError(
            f"was trained on steps marked otherwise, by {trained_with!r}",
            file=directory,
            field="convention",
            remedy="score with that convention",
        )
