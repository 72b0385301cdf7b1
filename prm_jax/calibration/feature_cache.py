"""Features of steps kept on the disk, so that another estimator, level or file needs no model run.

A file holds the features of some hundred solutions, one after the other, and is named by their
tokens and by where their steps begin and end; it lies in a directory named by the model up to the
layer that is read. So formats, conventions and the longest length need no name of their own, and a
run that was stopped goes on with the files that are missing.
"""

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from absl import logging

from prm_jax import crc32
from prm_jax.calibration.features import encoded_features, encoded_steps
from prm_jax.records import Trajectory
from prm_jax.scoring.batched import BATCH_TOKENS
from prm_jax.text.encode import Encoded
from prm_jax.weights.fingerprint import frozen_fingerprint
from prm_jax.weights.safetensors_files import save_tensors

PART = 256
"""Solutions of a file: what a stopped run loses at most."""
NAME, SUM = "features_ND", "crc32"
WHAT = "state at the end, mean so far, float32"
"""Of the key: what is kept differs from what another version of this code kept under its own."""


def cached_step_features(
    directory,
    model,
    params,
    tokenizer,
    trajectories: Sequence[Trajectory],
    *,
    layers: int = -1,
    convention=None,
    max_length: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
    progress=None,
    mesh=None,
) -> tuple[list[tuple[np.ndarray, bool]], int]:
    """As `step_features`, from the disk where they are there, else computed and kept.

    Args:
        directory: of all caches; made if it does not exist.
        model, params, tokenizer, trajectories, layers, convention, max_length, batch_tokens,
            progress, mesh: as in `step_features`.

    Returns:
        `(features, hits)`: what `step_features` gives, and of how many trajectories it was read.

    Raises:
        InputError: as `step_features`, or the directory cannot be written.
    """
    how: dict[str, Any] = dict(layers=layers, convention=convention, max_length=max_length)
    model, params, encoded = encoded_steps(model, params, tokenizer, trajectories, **how)
    about = (WHAT, frozen_fingerprint(params), model.config, model.dtype)
    place = Path(directory).expanduser() / hashlib.sha256(repr(about).encode()).hexdigest()[:32]
    found: list[np.ndarray] = []
    hits = 0
    for first in range(0, len(encoded), PART):
        part = encoded[first : first + PART]
        path = place / f"{_name(part)}.safetensors"
        sizes = [len(item.step_positions) for item in part]
        rows = _kept(path, (sum(sizes), 2 * model.config.d_model))
        if rows is None:
            options = dict(batch_tokens=batch_tokens, progress=progress, mesh=mesh)
            of_part = encoded_features(model, params, part, **options)
            features_ND = np.concatenate(of_part)
            save_tensors(path, {NAME: features_ND}, {SUM: crc32.of_arrays([features_ND])})
        else:
            of_part = np.split(rows, np.cumsum(sizes)[:-1])
            hits += len(part)
            if progress:
                progress(len(part))
        found += of_part
    return [(rows, item.truncated) for rows, item in zip(found, encoded, strict=True)], hits


def _name(part: Sequence[Encoded]) -> str:
    """Names a part by all that its features depend on, the model aside."""
    digest = hashlib.sha256()
    for item in part:
        for values in (item.tokens, item.step_starts, item.step_positions):
            digest.update(f"{len(values)}:".encode() + np.asarray(values, np.int32).tobytes())
    return digest.hexdigest()[:32]


def _kept(path, shape):
    """The rows in a file; None if it is not there, or, with a warning, is not what was written."""
    if not os.path.lexists(path):
        return None
    with contextlib.suppress(OSError, ValueError, safetensors.SafetensorError):
        with safetensors.safe_open(path, framework="numpy") as file:
            rows = file.get_tensor(NAME)
            written = (file.metadata() or {}).get(SUM)
        if rows.shape == shape and rows.dtype == np.float32:
            if crc32.of_arrays([rows]) == written:
                return rows
    logging.warning("%s: is not what was written, or without a checksum; computed again", path)
    return None
