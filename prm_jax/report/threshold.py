"""Which threshold a page takes: one that was given, else the one tuned for the model."""

import math
from pathlib import Path
from types import NoneType

from prm_jax.errors import InputError
from prm_jax.json_files import read_json
from prm_jax.json_values import number
from prm_jax.weights.threshold import checked_threshold, recorded_threshold

HALF = 0.5


def find_threshold(given: str | None, scores) -> tuple[float, str]:
    """The threshold for a file of scores.

    Args:
        given: a number in [0, 1]; a result of `experiments.evaluate`, which has one; None
            for what is recorded: beside the scores (OUTPUT.meta.json), else in the `prm_jax.json`
            of the model that they name, else 0.5.
        scores: the file of scores.

    Returns:
        It, and where it comes from, in words.

    Raises:
        InputError: it is no number in [0, 1], or the file has none.
    """
    if given is None:
        return _recorded(scores) or (HALF, "by default: none was tuned for the model")
    if Path(given).is_file():
        found = read_json(given).get("threshold")
        value = number(found.get("value")) if isinstance(found, dict) else None
        if value is None or not 0 <= value <= 1:
            raise InputError(
                "holds no threshold between 0 and 1",
                file=given,
                field="threshold.value",
                remedy="give a number, or a result of experiments.evaluate",
            )
        return float(value), f"as {Path(given).name} records it"
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise InputError(
            f"{given!r} is neither a number between 0 and 1 nor a file",
            field="threshold",
            remedy="give a number, or a result of experiments.evaluate",
        )
    return value, "as given"


def _recorded(scores):
    meta = Path(f"{scores}.meta.json")
    record = read_json(meta, {"model": (str, NoneType)}, optional=True, remedy="score again")
    found = record.get("threshold")
    if found is not None:
        found = checked_threshold(found, meta)
    elif record.get("model"):
        found = recorded_threshold(record["model"])
    return None if found is None else (found["value"], found["source"])
