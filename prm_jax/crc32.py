"""Whether a file, or what is read of one, is what was written: its size and CRC-32."""

import os
import zlib
from collections.abc import Iterable, Mapping

import numpy as np

BLOCK = 1 << 20


def of_file(path) -> str:
    """The CRC-32 of a file, 8 hexadecimal digits."""
    value = 0
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            value = zlib.crc32(block, value)
    return f"{value:08x}"


def of_arrays(arrays: Iterable[np.ndarray]) -> str:
    """The CRC-32 of the numbers of arrays, one after the other."""
    value = 0
    for array in arrays:
        value = zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, value)
    return f"{value:08x}"


def facts(path) -> dict:
    """What `difference` compares a file with: `bytes` and `crc32`."""
    return {"bytes": os.stat(path).st_size, "crc32": of_file(path)}


def difference(path, fact: Mapping, name: str) -> str:
    """In which way a file is not what was written, '' if it is.

    Args:
        path: of the file.
        fact: what `facts` gave; without `crc32` the size alone is compared.
        name: what the file is called in the answer.
    """
    try:
        size = os.stat(path).st_size
        if size != fact["bytes"]:
            return f"{name} has {size} bytes and not {fact['bytes']}"
        if "crc32" in fact and of_file(path) != fact["crc32"]:
            return f"{name} is not what was written"
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        return f"{name} is missing" if missing else f"{name} cannot be read: {error.strerror}"
    return ""
