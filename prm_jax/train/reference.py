"""The reference model's log-probability of every step, computed once before training.

Losses and scores of implicit rewards need only sums over steps, so a number a step is kept and not
a second model. The file belongs to the run's data and parameters and is made again if it does not.
"""

import functools
import hashlib
import os
from pathlib import Path

import jax
import numpy as np
from absl import logging
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from prm_jax.data.corpus import Corpus
from prm_jax.data.pipeline import batches
from prm_jax.errors import InputError
from prm_jax.files import atomic_write
from prm_jax.progress import Progress
from prm_jax.train.placement import put_batch, rows_of_process
from prm_jax.train.state import model_params
from prm_jax.train.step import readings

INPUTS = ("tokens", "positions", "segment_ids", "step_starts", "step_positions")


class ReferenceLogProbs:
    """Log-probabilities of the steps of a corpus under a state's parameters.

    Args:
        path: file of the numbers, f32, made if it is missing or another corpus's.
        corpus: trajectories, not streamed.
        model: `Decoder`.
        state: `TrainState` before the first update.
        key: what the numbers depend on besides the corpus.
        data: `config.data`.
        mesh: mesh of the run.
        show: told of every batch.

    Raises:
        InputError: the corpus is streamed.
    """

    def __init__(self, path, corpus: Corpus, model, state, key, data, mesh, show: Progress | None):
        if corpus.streamed:
            raise InputError(
                "streamed trajectories have no cached reference",
                field="reference",
                remedy="set reference=params, which keeps the reference model in memory",
            )
        counts = [len(item.step_positions) for item in corpus.encoded]
        self._first = np.cumsum([0, *counts])
        path = Path(path)
        name = hashlib.sha256(f"{corpus.fingerprint} {key} {counts}".encode()).hexdigest()
        self._values = read(path, name, int(self._first[-1]))
        if self._values is None:
            self._values = self._compute(corpus, model, state, data, mesh, show)
            if jax.process_index() == 0:
                with atomic_write(path, "wb") as file:
                    np.savez(file, name=np.array(name), values=self._values)

    def attach(self, batch):
        """A batch with `reference` f32[B,S], 0 where there is no step.

        Args:
            batch: as `data.packing.pack` gives it, `step_example` numbering the corpus.
        """
        reference_BS = np.zeros(batch["step_positions"].shape, np.float32)
        mask_BS = batch["step_mask"]
        reference_BS[mask_BS] = self._values[self._places(batch)]
        return {**batch, "reference": reference_BS}

    def _compute(self, corpus, model, state, data, mesh, show):
        values = np.zeros(int(self._first[-1]), np.float32)
        stream = list(batches(corpus, data.rows, data.row_length, data.max_steps))
        replicated = NamedSharding(mesh, P())
        log_probs = jax.jit(functools.partial(_log_probs, model), out_shardings=replicated)
        if show:
            show.begin("scoring with the reference", len(stream))
        local = rows_of_process(data.rows, mesh)
        for number, batch in enumerate(stream, 1):
            inputs = {name: batch[name][local] for name in INPUTS}
            placed = put_batch(inputs, data.rows, mesh)
            found_BS = np.asarray(log_probs(state.params, state.frozen, placed))
            values[self._places(batch)] = found_BS[batch["step_mask"]]
            if show:
                show.update(number)
        return values

    def _places(self, batch):
        """Place in the file of each real step: steps of an example in the order of its parts."""
        mask_BS = batch["step_mask"]
        slot_BS = np.broadcast_to(np.arange(mask_BS.shape[1]), mask_BS.shape)
        unit_BS = batch["step_unit"]
        starts = mask_BS & (np.diff(unit_BS, axis=1, prepend=0) != 0)
        first_BS = np.maximum.accumulate(np.where(starts, slot_BS, 0), axis=1)
        return self._first[batch["step_example"][mask_BS]] + (slot_BS - first_BS)[mask_BS]


def _log_probs(model, params, frozen, batch):
    return readings(model, model_params(params, frozen), batch, "log_prob")[0]


def read(path, name, size):
    """The numbers of a file, f32[size]; None if it has others or, with a warning, is damaged."""
    if not os.path.lexists(path):
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            found, values = str(file["name"]), np.asarray(file["values"])
    except Exception as error:  # of many kinds; a changed bit is zipfile's, which has checksums
        logging.warning("%s: is damaged (%s); computed again", path, error)
        return None
    same = found == name and values.shape == (size,) and values.dtype == np.float32
    return values if same else None
