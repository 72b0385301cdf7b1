"""Rows of Parquet files, here or behind a URL such as hf://datasets/OWNER/NAME/data/x.parquet.

Columns of types that JSON does not have are given as `json_values` says. Times are converted here,
since Python's have microseconds and the years 1 to 9999 only.
"""

import importlib

import numpy as np

from prm_jax import json_values
from prm_jax.errors import InputError
from prm_jax.records import Where

ADDRESS = "look whether the address is right and the network is there"
SUFFIX = ".parquet"
BATCH_ROWS = 1024
A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def is_url(path) -> bool:
    """Whether a path names a file system of fsspec."""
    return "://" in str(path)


def files(url) -> list[str]:
    """The files that a URL, or a URL with a glob, stands for.

    Raises:
        InputError: there is none, the file system cannot be reached, or a package is missing.
    """
    fsspec = _load("fsspec", url)
    try:
        system, path = fsspec.core.url_to_fs(str(url))
        found = sorted(system.glob(path)) if fsspec.core.has_magic(path) else [path]
    except (ValueError, ImportError) as error:
        raise InputError(
            f"cannot be reached: {error}", file=url, remedy="pip install 'prm_jax[parquet]'"
        ) from error
    except Exception as error:  # each file system has errors of its own
        raise InputError(f"cannot be reached: {error}", file=url, remedy=ADDRESS) from error
    if not found:
        raise InputError("no file matches", file=url)
    return [system.unstrip_protocol(file) for file in found]


def rows(path):
    """Streams `(Where, row)` of a Parquet file; rows count in place of lines.

    A field that some rows lack is null in them, as the columns have it. Values may still be of
    kinds that `json_values.plain` makes JSON of.

    Raises:
        InputError: the file is missing, empty or not Parquet, or a package is missing.
    """
    fsspec, pyarrow = _load("fsspec", path), _load("pyarrow", path)
    parquet = _load("pyarrow.parquet", path)
    number = 0
    try:
        with fsspec.open(str(path), "rb") as file:
            for batch in parquet.ParquetFile(file).iter_batches(BATCH_ROWS):
                columns = [_values(pyarrow, column) for column in batch.columns]
                for values in zip(*columns, strict=True):
                    number += 1
                    yield Where(str(path), number), dict(zip(batch.schema.names, values))
    except (OSError, pyarrow.ArrowException) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise InputError(reason, file=path, remedy="is it a Parquet file?") from error
    except Exception as error:  # each file system has errors of its own
        if not is_url(path) or isinstance(error, InputError):
            raise
        raise InputError(f"cannot be read: {error}", file=path, remedy=ADDRESS) from error
    if not number:
        raise InputError("the file is empty", file=path, remedy="give one object a row")


def _values(pyarrow, column):
    """The values of a column, one a row."""
    if _is_known(pyarrow, column.type):
        return column.to_pylist()
    return [_value(pyarrow, scalar) for scalar in column]


def _is_known(pyarrow, kind):
    """Whether `to_pylist` gives all values of a type, and of the types within it, as they are."""
    types = pyarrow.types
    if types.is_temporal(kind) or types.is_map(kind) or isinstance(kind, pyarrow.BaseExtensionType):
        return False
    if types.is_dictionary(kind):
        return _is_known(pyarrow, kind.value_type)
    return all(_is_known(pyarrow, kind.field(i).type) for i in range(kind.num_fields))


def _value(pyarrow, scalar):
    kind, types = scalar.type, pyarrow.types
    if not scalar.is_valid:
        return None
    if isinstance(kind, pyarrow.BaseExtensionType):
        as_text = isinstance(kind, pyarrow.UuidType | pyarrow.JsonType)
        return scalar.as_py() if as_text else _value(pyarrow, scalar.value)
    if types.is_temporal(kind):
        return _time(pyarrow, scalar)
    if types.is_dictionary(kind):
        return _value(pyarrow, scalar.value)
    if types.is_map(kind):
        pairs = [[_value(pyarrow, x) for x in entry.values()] for entry in scalar.values]
        return dict(pairs) if all(isinstance(key, str) for key, _ in pairs) else pairs
    if types.is_struct(kind):
        return {name: _value(pyarrow, part) for name, part in scalar.items()}
    if hasattr(scalar, "values"):  # of the several kinds of lists
        return [_value(pyarrow, item) for item in scalar.values]
    return scalar.as_py()


def _time(pyarrow, scalar):
    """The text of a date, time, timestamp or duration."""
    kind, types, count = scalar.type, pyarrow.types, scalar.value
    if types.is_date(kind):
        text = json_values.iso(np.datetime64(count, "D" if types.is_date32(kind) else "ms"))
        return text.partition("T")[0]
    if types.is_duration(kind):
        return json_values.duration(count, A_SECOND[kind.unit])
    if types.is_time(kind):
        return json_values.iso(np.datetime64(count, kind.unit)).partition("T")[2]
    if kind.tz is None:
        return json_values.iso(np.datetime64(count, kind.unit))
    seconds = pyarrow.scalar(count // A_SECOND[kind.unit], pyarrow.timestamp("s", kind.tz))
    try:
        offset = int(seconds.as_py().utcoffset().total_seconds())
    except (ValueError, OverflowError, LookupError):  # years that Python lacks, an unknown zone
        offset = 0
    local = json_values.iso(np.datetime64(count + offset * A_SECOND[kind.unit], kind.unit))
    hours, minutes = divmod(abs(offset) // 60, 60)
    return f"{local}{'-' if offset < 0 else '+'}{hours:02d}:{minutes:02d}"


def _load(module, path):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"needs the package {module.partition('.')[0]}",
            file=path,
            remedy="pip install 'prm_jax[parquet]'",
        ) from error
