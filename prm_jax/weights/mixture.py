"""Files of a mixture of experts: router, syntheses and adapters, and a record of its categories."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from prm_jax.errors import InputError
from prm_jax.weights.added_layers import read_layers, read_record, save_layers

RECORD = "mixture.json"


@dataclasses.dataclass(frozen=True)
class Mixture:
    """What is added to a model that stays as it is.

    Fields:
        categories: their names, in the router's order.
        params: `router` and `synthesis` as `models.mixture_of_experts.init_mixture` gives them, and
            `experts/<number of the category>`, their adapters stacked on a first axis.
        record: JSON-able; `model_fingerprint`, `convention` and `dtype` of the model are what a
            scorer checks.
    """

    categories: tuple[str, ...]
    params: Any
    record: dict


def save_mixture(directory, mixture: Mixture) -> None:
    """Writes `model.safetensors` and, when that is whole, `mixture.json`.

    Args:
        directory: made if it does not exist.
        mixture: what to write.
    """
    record = {"categories": list(mixture.categories), **mixture.record}
    save_layers(directory, RECORD, mixture.params, record)


def load_mixture(directory) -> Mixture:
    """Reads what `save_mixture` wrote.

    Raises:
        InputError: there is no such mixture, or its files do not fit together.
    """
    directory = Path(directory).expanduser()
    trainer = "experiments.train_mixture"
    record = read_record(directory, RECORD, "mixture of experts", trainer, {"categories": list})
    params = jax.tree.map(jnp.asarray, read_layers(directory))
    categories = tuple(record["categories"])
    numbers = {str(number) for number in range(len(categories))}
    if any(set(params.get(part, ())) != numbers for part in ("synthesis", "experts")):
        raise InputError(
            f"the tensors are not those of {len(categories)} categories",
            file=directory / RECORD,
            field="categories",
        )
    return Mixture(categories, params, record)
