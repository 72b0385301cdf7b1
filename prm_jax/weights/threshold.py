"""The threshold below which a model's steps are predicted to be wrong, kept beside its weights."""

from pathlib import Path

from prm_jax.files import write_json
from prm_jax.json_files import require_kinds
from prm_jax.weights.hf import RECORD, read_record, recorded


def record_threshold(directory, value: float, source: str) -> None:
    """Adds a tuned threshold to the `prm_jax.json` of an export.

    Args:
        directory: the export.
        value: a step scored strictly below it is predicted to be wrong.
        source: what it was tuned on, in words.
    """
    record = read_record(directory)
    write_json(Path(directory) / RECORD, record | {"threshold": {"value": value, "source": source}})


def recorded_threshold(model_name) -> dict | None:
    """`value` and `source` of a model's threshold, None if its files record none."""
    found = recorded(model_name, "threshold")
    return None if found is None else checked_threshold(found, Path(str(model_name)) / RECORD)


def checked_threshold(found, file) -> dict:
    """`value` and `source` of a threshold in a record.

    Args:
        found: the threshold.
        file: of the record.

    Raises:
        InputError: it has no number.
    """
    remedy = "tune it again, or take it out"
    require_kinds({"threshold": found}, {"threshold": dict}, file, remedy=remedy)
    require_kinds(found, {"value": float}, file, within="threshold", remedy=remedy)
    return {"value": float(found["value"]), "source": str(found.get("source", ""))}
