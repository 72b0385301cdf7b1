"""An SDM on disk: tensors in safetensors, and a record of what it belongs to."""

import dataclasses
from pathlib import Path

import numpy as np
import safetensors

from prm_jax.calibration.sdm.estimator import SDM
from prm_jax.errors import InputError
from prm_jax.weights.added_layers import read_layers, read_record, save_layers
from prm_jax.weights.safetensors_files import SINGLE

RECORD = "sdm.json"
CALIBRATE = "take the directory away and calibrate again"
BY_CLASS = ("class_d0", "class_rescaled")
INTEGERS = (
    "support_label_K",
    "support_pred_K",
    "support_row_K",
    "rows_LC",
    "min_rows",
    "cap",
    "round",
    "epoch",
)


def require_sdm_place(directory) -> None:
    """Raises `InputError` unless a directory is absent, empty or holds an SDM, whole or half."""
    directory = Path(directory)
    if directory.exists() and not (directory / RECORD).is_file():
        if not directory.is_dir() or any(map(_is_foreign, directory.iterdir())):
            raise InputError(
                "holds something else than an estimator",
                file=directory,
                field="sdm",
                remedy="give a directory of its own",
            )


def _is_foreign(file):
    """Whether a file is not what a killed `save_sdm` leaves."""
    if file.name.startswith(f".{SINGLE}."):
        return False
    try:
        with safetensors.safe_open(file, "np") as opened:
            return file.name != SINGLE or "class_d0/0" not in opened.keys()  # noqa: SIM118
    except (OSError, safetensors.SafetensorError):
        return True


def save_sdm(directory, sdm: SDM, record: dict) -> None:
    """Writes an SDM.

    Args:
        directory: made if it does not exist; an earlier SDM in it is replaced.
        sdm: from `fit`. Whole numbers are kept as float32, exact up to 2**24.
        record: JSON-able, what it was fitted on.
    """
    require_sdm_place(directory)
    tensors: dict = {}
    for field in dataclasses.fields(sdm):
        value = getattr(sdm, field.name)
        if field.name in BY_CLASS:
            tensors[field.name] = {str(c): values for c, values in enumerate(value)}
        else:
            tensors[field.name] = value
    save_layers(directory, RECORD, tensors, {**record, "n_classes": len(sdm.class_d0)})


def load_sdm(directory) -> tuple[SDM, dict]:
    """What `save_sdm` wrote.

    Returns:
        `(sdm, record)`, the record as it was given.

    Raises:
        InputError: there is none, or a part of it is missing or does not fit the others.
    """
    record = read_record(directory, RECORD, "SDM", "experiments.calibrate", {"n_classes": int})
    tensors = read_layers(directory)
    fields = [field.name for field in dataclasses.fields(SDM)]
    if missing := set(fields) - set(tensors):
        raise InputError(f"has no {min(missing)}", file=directory, remedy=CALIBRATE)
    classes = [str(c) for c in range(record.pop("n_classes"))]
    values: dict = {}
    sizes = {"C": len(classes)}
    for name in fields:
        tensor, of_class = tensors[name], name in BY_CLASS
        axes = name.rpartition("_")[2] if name[-1].isupper() else ""
        if of_class != isinstance(tensor, dict) or of_class and sorted(tensor) != sorted(classes):
            raise InputError(
                f"{name} is not of {len(classes)} classes", file=directory, remedy=CALIBRATE
            )
        if of_class:
            values[name] = tuple(tensor[c] for c in classes)
            continue
        known = [sizes.setdefault(axis, size) for axis, size in zip(axes, tensor.shape)]
        if len(axes) != tensor.ndim or known != list(tensor.shape):
            raise InputError(
                f"{name} of shape {list(tensor.shape)} does not fit the others",
                file=directory,
                remedy=CALIBRATE,
            )
        values[name] = np.asarray(tensor, np.int32 if name in INTEGERS else np.float32)
    return SDM(**values), record
