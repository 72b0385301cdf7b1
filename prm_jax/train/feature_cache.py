"""Hidden states below the trained layers, computed once and read again in every epoch and run.

Frozen layers give the same states whatever the layers above become, and whatever else is in a row.
The states of all tokens of a corpus lie in one file, trajectory after trajectory; a run that was
stopped while writing it goes on where it was.
"""

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from prm_jax.data.corpus import Corpus
from prm_jax.data.pipeline import batches
from prm_jax.data.places import trajectory_places
from prm_jax.errors import InputError
from prm_jax.models.tree import ADAPTERS
from prm_jax.progress import Progress
from prm_jax.train.array_file import ArrayFile
from prm_jax.train.placement import put_batch
from prm_jax.train.state import TrainState, model_params
from prm_jax.weights.fingerprint import fingerprint

DTYPES = ("float16", "float32")


class FeatureCache:
    """The states of a corpus, and how they get into its batches.

    Args:
        directory: where caches are kept, each under a name that says what it was made from.
        corpus: encoded trajectories.
        model: `Decoder`; all up to the end of its first group of layers must be frozen.
        state: `TrainState` with its parameters.
        data: `config.data`, for the shape of the batches that are run.
        dtype: 'float16' or 'float32', of the file.
        mesh: mesh of the run.
        show: told of the progress.

    Raises:
        InputError: if layers below the first group's end are trained, a state does not fit the
            dtype, or several processes share the run.
    """

    def __init__(
        self,
        directory,
        corpus: Corpus,
        model,
        state: TrainState,
        data,
        *,
        dtype="float16",
        mesh,
        show: Progress | None = None,
    ):
        _check(corpus, state, dtype)
        lengths = [len(item.tokens) for item in corpus.encoded]
        self._first = np.cumsum([0, *lengths])
        self._dtype, self._width = np.dtype(dtype), model.config.d_model
        self.directory = Path(directory).expanduser() / _key(corpus, model, state.frozen, dtype)
        shape = (int(self._first[-1]), self._width)
        self._file = ArrayFile(self.directory, self._dtype, shape, "batches")
        self._states = self._file.values
        self._compute(corpus, model, state, data, mesh, show)

    def attach(self, batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """A batch with `lower_BTD`: the states of its tokens, 0 at padding.

        Args:
            batch: as `data.packing.pack` gives it, `step_example` numbering the corpus.

        Returns:
            The batch with one more array, f16 or f32[B,T,D].
        """
        lower_BTD = np.zeros((*batch["tokens"].shape, self._width), self._dtype)
        for row, tokens, states in self._places(batch):
            lower_BTD[row, tokens] = self._states[states]
        return {**batch, "lower_BTD": lower_BTD}

    def _compute(self, corpus, model, state, data, mesh, show):
        stream = list(batches(corpus, data.rows, data.row_length, data.max_steps, epochs=1))
        self._file.check([[place for *_, place in self._places(batch)] for batch in stream])
        done = self._file.done
        if done == len(stream):
            return
        lower = jax.jit(functools.partial(_lower, model), out_shardings=NamedSharding(mesh, P()))
        if show:
            show.begin("caching the frozen layers' states", len(stream), done)
        for number, batch in enumerate(stream[done:], start=done + 1):
            inputs = {name: batch[name] for name in ("tokens", "positions", "segment_ids")}
            placed = put_batch(inputs, data.rows, mesh)
            out_BTD = np.asarray(lower(state.params, state.frozen, placed))
            for row, tokens, states in self._places(batch):
                self._states[states] = _cast(out_BTD[row, tokens], self._dtype)
            self._file.keep(place for *_, place in self._places(batch))
            if number % 20 == 0 or number == len(stream):
                self._file.finish()
            if show:
                show.update(number)

    def _places(self, batch):
        """(row, its tokens, their states) of each trajectory in a batch, as slices."""
        for row, tokens, example in trajectory_places(batch):
            first = self._first[example]
            yield row, tokens, slice(first, first + tokens.stop - tokens.start)


def _lower(model, params, frozen, inputs):
    arrays = (inputs["tokens"], inputs["positions"], inputs["segment_ids"])
    output = model.apply({"params": model_params(params, frozen)}, *arrays)
    return output.lower_BTD.astype(jnp.float32)


def _cast(states_TD, dtype):
    with np.errstate(over="ignore"):
        cast_TD = states_TD.astype(dtype)
    if not np.isfinite(cast_TD).all():
        raise InputError(
            f"a hidden state of {np.abs(states_TD).max():.3g} does not fit {dtype}",
            field="model.feature_dtype",
            remedy="float32",
        )
    return cast_TD


def _check(corpus, state, dtype):
    if dtype not in DTYPES:
        raise InputError(
            f"unknown dtype {dtype!r}", field="model.feature_dtype", remedy=" or ".join(DTYPES)
        )
    trained = set(state.params) | set(state.params.get(ADAPTERS, ()))
    if jax.process_count() > 1 or corpus.streamed:
        raise InputError(
            "works in one process, with trajectories in memory only", field="model.feature_cache"
        )
    if trained & {"embed", "layers_0"}:
        raise InputError(
            "the lower layers are trained, so their states change",
            field="model.feature_cache",
            remedy="set model.train_layers, or leave the cache out",
        )


def _key(corpus, model, frozen, dtype):
    """Names a cache by all that its numbers depend on."""
    digest = hashlib.sha256()
    lower = {name: frozen[name] for name in ("embed", "layers_0")}
    about = (fingerprint(lower), model.config, model.segments[:1], model.dtype, dtype)
    digest.update(repr(about).encode())
    for item in corpus.encoded:
        for part in item.parts or (item,):
            digest.update(np.asarray(part.tokens, np.int32).tobytes() + b"|")
    return digest.hexdigest()[:32]
