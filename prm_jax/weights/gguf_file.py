"""The header of a GGUF file: metadata and where each tensor lies.

The gguf package reads it too, into a numpy array for every token of a vocabulary: seconds of every
start. Its tables of types are used here, and its dequantisation.
"""

import math
import mmap
import struct
from dataclasses import dataclass
from typing import Any

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFValueType

SCALARS = {
    GGUFValueType.UINT8: "B",
    GGUFValueType.INT8: "b",
    GGUFValueType.UINT16: "H",
    GGUFValueType.INT16: "h",
    GGUFValueType.UINT32: "I",
    GGUFValueType.INT32: "i",
    GGUFValueType.FLOAT32: "f",
    GGUFValueType.BOOL: "?",
    GGUFValueType.UINT64: "Q",
    GGUFValueType.INT64: "q",
    GGUFValueType.FLOAT64: "d",
}
PLAIN = {
    GGMLQuantizationType.F16: np.float16,
    GGMLQuantizationType.F32: np.float32,
    GGMLQuantizationType.F64: np.float64,
    GGMLQuantizationType.I8: np.int8,
    GGMLQuantizationType.I16: np.int16,
    GGMLQuantizationType.I32: np.int32,
    GGMLQuantizationType.I64: np.int64,
}
"""Types whose data are numbers; those of others are blocks of bytes."""
MAX_AXES = 8


@dataclass(frozen=True)
class StoredTensor:
    """A tensor of a file.

    Fields:
        tensor_type: of the gguf package.
        shape: as the file has it, innermost axis first.
        data: of the file, mapped into memory, outermost axis first: numbers, or bytes of blocks.
    """

    tensor_type: GGMLQuantizationType
    shape: tuple[int, ...]
    data: np.ndarray


def read_header(path) -> tuple[dict[str, Any], dict[str, StoredTensor]]:
    """Reads metadata and tensor infos of a little-endian file of version 2 or 3.

    Args:
        path: of the file, which is mapped into memory.

    Returns:
        `(metadata by key, tensors by name)`.

    Raises:
        ValueError, struct.error, OverflowError, UnicodeDecodeError: it is damaged, cut, or not
            of the format.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    header = _Header(mapped)
    magic, _, n_tensors, n_fields = header.numbers("4sIQQ")
    if magic != b"GGUF":
        raise ValueError("another magic number")
    fields: dict[str, Any] = {}
    for _ in range(n_fields):
        key = header.text()
        if key in fields:
            raise ValueError(f"key {key!r} comes twice")
        fields[key] = header.value()
    infos = {}
    for _ in range(n_tensors):
        name = header.text()
        if name in infos:
            raise ValueError(f"tensor {name!r} comes twice")
        (n_axes,) = header.numbers("I")
        if n_axes > MAX_AXES:
            raise ValueError(f"a tensor of {n_axes} axes")
        *shape, kind, offset = header.numbers(f"{n_axes}QIQ")
        infos[name] = (tuple(shape), GGMLQuantizationType(kind), offset)
    alignment = fields.get("general.alignment", gguf.GGUF_DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
        raise ValueError("the alignment is no power of two")
    start = -(-header.place // alignment) * alignment
    return fields, {name: _stored(mapped, start, *info) for name, info in infos.items()}


def _stored(mapped, start, shape, kind, offset):
    block, size = GGML_QUANT_SIZES[kind]
    if shape and shape[0] % block:
        raise ValueError(f"rows of {shape[0]} are no whole blocks of {block}")
    n_bytes = math.prod(shape) // block * size
    if start + offset + n_bytes > len(mapped):
        raise ValueError("the data end before the tensor does")
    axes = list(reversed(shape))
    dtype = np.dtype(PLAIN.get(kind, np.uint8))
    if kind not in PLAIN and axes:
        axes[-1] = axes[-1] // block * size
    count = n_bytes // dtype.itemsize
    data = np.frombuffer(mapped, dtype.newbyteorder("<"), count, start + offset)
    return StoredTensor(kind, shape, data.reshape(axes))


class _Header:
    """Reads one value after the other; `place` is where the next one begins."""

    def __init__(self, mapped):
        self._mapped, self.place = mapped, 0

    def numbers(self, kinds):
        """Numbers by the letters of `struct`, little-endian without gaps."""
        found = struct.unpack_from(f"<{kinds}", self._mapped, self.place)
        self.place += struct.calcsize(f"<{kinds}")
        return found

    def text(self):
        (length,) = self.numbers("Q")
        begin, end = self.place, self.place + length
        if end > len(self._mapped):
            raise ValueError("the file ends within a text")
        self.place = end
        return self._mapped[begin:end].decode("utf-8")

    def value(self, kind=None, depth=0):
        kind = GGUFValueType(self.numbers("I")[0]) if kind is None else kind
        if kind == GGUFValueType.STRING:
            return self.text()
        if kind in SCALARS:
            return self.numbers(SCALARS[kind])[0]
        if depth > 1:
            raise ValueError("arrays within arrays within arrays")
        inner, count = self.numbers("IQ")
        inner = GGUFValueType(inner)
        smallest = struct.calcsize(f"<{SCALARS.get(inner, 'Q')}")
        if self.place + count * smallest > len(self._mapped):
            raise ValueError("the file ends within an array")
        if inner in SCALARS:
            return list(self.numbers(f"{count}{SCALARS[inner]}"))
        if inner == GGUFValueType.STRING:
            return [self.text() for _ in range(count)]
        # The gguf package lists the members of arrays within an array one after the other.
        return [item for _ in range(count) for item in self.value(inner, depth + 1)]
