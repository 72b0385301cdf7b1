"""Rows of Parquet files, here or behind a URL such as hf://datasets/OWNER/NAME/data/x.parquet."""

import importlib

from prm_jax.errors import InputError
from prm_jax.records import Where

SUFFIX = ".parquet"
BATCH_ROWS = 1024


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
    except (OSError, ValueError, ImportError) as error:
        raise InputError(
            f"cannot be reached: {error}", file=url, remedy="pip install 'prm_jax[parquet]'"
        ) from error
    if not found:
        raise InputError("no file matches", file=url)
    return [system.unstrip_protocol(file) for file in found]


def rows(path):
    """Streams `(Where, row)` of a Parquet file; rows count in place of lines.

    A field that some rows lack is null in them, as the columns have it.

    Raises:
        InputError: the file is missing, empty or not Parquet, or a package is missing.
    """
    fsspec, pyarrow = _load("fsspec", path), _load("pyarrow", path)
    parquet = _load("pyarrow.parquet", path)
    number = 0
    try:
        with fsspec.open(str(path), "rb") as file:
            for batch in parquet.ParquetFile(file).iter_batches(BATCH_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield Where(str(path), number), row
    except (OSError, pyarrow.ArrowException) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise InputError(reason, file=path, remedy="is it a Parquet file?") from error
    if not number:
        raise InputError("the file is empty", file=path, remedy="give one object a row")


def _load(module, path):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"needs the package {module.partition('.')[0]}",
            file=path,
            remedy="pip install 'prm_jax[parquet]'",
        ) from error
