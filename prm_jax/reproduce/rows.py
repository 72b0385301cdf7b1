"""Trajectories of several seeds as packed rows, which the updates of each seed draw from."""

from collections.abc import Sequence

import jax
import numpy as np

from prm_jax.data.corpus import make_corpus
from prm_jax.data.packing import Batch, pack
from prm_jax.data.paired import PREFIX
from prm_jax.data.sources import Source
from prm_jax.data.units import OF_OTHERS, encode_unit
from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.text import CONVENTIONS
from prm_jax.text.encode import Encoded
from prm_jax.train.backbone import byte_tokenizer


def pack_rows(
    trajectories: Sequence[Trajectory], training, supervise: str = "steps", unit: str = "trajectory"
) -> Batch:
    """Encodes trajectories and packs them into as few rows as first fit needs.

    Args:
        trajectories: of one seed.
        training: `config.training`: `convention`, `row_length`, `max_steps`.
        supervise: as in `text.encode`.
        unit: what is packed together, one of `data.units.UNITS`.

    Returns:
        A batch as `data.packing.pack` gives it, without empty rows.

    Raises:
        InputError: a trajectory or unit is longer than a row.
    """
    tokenizer, convention = byte_tokenizer(), CONVENTIONS[training.convention]
    of = (tokenizer, convention, training.row_length)
    encoded: Sequence[Encoded]
    if unit in OF_OTHERS:
        source = Source("chains", "chains", False, None, {})
        groups = [(source, trajectories)]
        encoded = make_corpus(groups, *of, supervise=supervise, unit=unit).encoded
    else:
        encoded = [
            encode_unit(trajectory, *of, supervise=supervise, unit=unit)
            for trajectory in trajectories
        ]
    if any(item.truncated for item in encoded):
        raise InputError(
            f"a trajectory has more than {training.row_length} tokens",
            field="training.row_length",
            remedy="raise it",
        )
    batch = pack(encoded, len(encoded), training.row_length, training.max_steps)
    filled_B = batch["step_mask"].any(axis=1)
    return {name: values[filled_B] for name, values in batch.items()}


def with_second(batch: Batch, second: Batch) -> Batch:
    """A batch whose rows have a row of another beside them (`data.paired`), which come in turn."""
    row_B = np.arange(len(batch["tokens"])) % len(second["tokens"])
    return batch | {PREFIX + name: values[row_B] for name, values in second.items()}


def draw_order(seed: int, n_rows: int, training) -> np.ndarray:
    """The rows of each update of a seed: all of them in a new order in every epoch.

    Args:
        seed: of the order.
        n_rows: rows to draw from.
        training: `config.training`: `updates` and `rows`, of an update.

    Returns:
        i64[U,B].
    """
    rng = np.random.default_rng([seed, 0])
    needed = training.updates * training.rows
    epochs = [rng.permutation(n_rows) for _ in range(-(-needed // n_rows))]
    return np.concatenate(epochs)[:needed].reshape(training.updates, training.rows)


def stack_seeds(batches: Sequence[Batch]) -> Batch:
    """The rows of all seeds in one batch, [P,R,...]; seeds with fewer rows get empty ones."""
    n_rows = max(len(batch["tokens"]) for batch in batches)
    return jax.tree.map(lambda *leaves: np.stack([pad_rows(x, n_rows) for x in leaves]), *batches)


def pad_rows(values, n_rows, axis=0):
    """An array with zeros appended along an axis."""
    widths = [(0, 0)] * values.ndim
    widths[axis] = (0, n_rows - values.shape[axis])
    return np.pad(values, widths)


def by_trajectory(values_RS, batch: Batch, n_trajectories: int) -> list[np.ndarray]:
    """Numbers of the steps of packed rows, for each trajectory in the order of its steps."""
    mask_RS = batch["step_mask"] & (batch["step_part"] == 0)
    example_N, step_N = batch["step_example"][mask_RS], batch["step_index"][mask_RS]
    order_N = np.lexsort((step_N, example_N))
    ends = np.cumsum(np.bincount(example_N, minlength=n_trajectories))[:-1]
    return np.split(values_RS[mask_RS][order_N], ends)
