"""Features of a frozen model for an uncertainty head, a file a trajectory.

A file is named by the tokens it was made from, in a directory named by the model and the features:
runs with the same model share them, and one that was stopped goes on with what is missing.
"""

import functools
import hashlib
from pathlib import Path

import jax
import numpy as np

from prm_jax.data.corpus import Corpus
from prm_jax.data.pipeline import batches
from prm_jax.data.places import problem_tokens, trajectory_places
from prm_jax.errors import InputError
from prm_jax.files import atomic_write
from prm_jax.models.attention_features import n_features, token_features
from prm_jax.models.uncertainty_head import UncertaintyHeadConfig
from prm_jax.progress import Progress
from prm_jax.weights.fingerprint import frozen_fingerprint

DTYPE = np.float16


class FeatureFiles:
    """The features of corpora, on the disk.

    Args:
        directory: of all features.
        model, params: the frozen model.
        head: what reads the features.
    """

    def __init__(self, directory, model, params, head: UncertaintyHeadConfig):
        self.fingerprint = frozen_fingerprint(params)
        about = (self.fingerprint, model.config, model.dtype, head.history, head.top_k)
        key = hashlib.sha256(repr(about).encode()).hexdigest()[:32]
        self.directory = Path(directory).expanduser() / key
        self._model, self._params, self._head = model, params, head
        self._width = n_features(model.config, head.history, head.top_k)

    def compute(self, corpus: Corpus, data, show: Progress | None = None) -> None:
        """Writes the files that are missing.

        Args:
            corpus: encoded trajectories.
            data: `config.data`, for the shape of the batches that are run.
            show: told of the progress.
        """
        stream = list(batches(corpus, data.rows, data.row_length, data.max_steps))
        run = jax.jit(functools.partial(_features, self._model, self._head))
        if show:
            show.begin("features of the frozen model", len(stream))
        for number, batch in enumerate(stream, start=1):
            places = [(self._path(corpus.encoded[p[2]]), p) for p in trajectory_places(batch)]
            if missing := [(path, place) for path, place in places if not path.is_file()]:
                inputs = {name: batch[name] for name in ("tokens", "positions", "segment_ids")}
                features_BTF = np.asarray(run(self._params, inputs))
                for path, (row, tokens, _) in missing:
                    with atomic_write(path, "wb") as file:
                        np.savez(file, features_BTF[row, tokens].astype(DTYPE))
            if show:
                show.update(number)

    def attach(self, batch, corpus: Corpus) -> np.ndarray:
        """The features of a batch's tokens: f16[B,T,F], 0 at padding."""
        features_BTF = np.zeros((*batch["tokens"].shape, self._width), DTYPE)
        for row, tokens, example in trajectory_places(batch):
            features_BTF[row, tokens] = _kept(self._path(corpus.encoded[example]))
        return without_problem(features_BTF, batch, corpus.encoded, self._head)

    def _path(self, item):
        name = hashlib.sha256(np.asarray(item.tokens, np.int32).tobytes()).hexdigest()[:32]
        return self.directory / name[:2] / f"{name[2:]}.npz"


def _kept(path):
    """The features in a file, whose checksum is zipfile's."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return file["arr_0"]
    except Exception as error:  # of many kinds
        path.unlink(missing_ok=True)
        raise InputError(
            f"was damaged and is removed ({error})",
            file=path,
            remedy="the same command makes it again and goes on",
        ) from error


def without_problem(features_BTF, batch, encoded, head: UncertaintyHeadConfig) -> np.ndarray:
    """The features, with 0 for the probabilities of the problem's tokens where the head wants it.

    Args:
        features_BTF: float[B,T,F]. batch, encoded: as `data.places.problem_tokens` takes them.
        head: what reads the features.

    Returns:
        A new array like the first, or the first itself.
    """
    if not head.zero_prompt:
        return features_BTF
    of_problem_BT1 = problem_tokens(batch, encoded)[..., None]
    is_probability_F = np.arange(features_BTF.shape[-1]) >= features_BTF.shape[-1] - head.top_k
    return np.where(of_problem_BT1 & is_probability_F, 0, features_BTF).astype(features_BTF.dtype)


def _features(model, head, params, inputs):
    return token_features(model, params, inputs, history=head.history, top_k=head.top_k)
