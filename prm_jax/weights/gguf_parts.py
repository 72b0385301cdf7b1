"""Opening a GGUF file, or all parts of a split one, and saying of what is no model what it is.

`llama-gguf-split` writes NAME-00001-of-00003.gguf and so on. Each part says which it is
(`split.no`, from 0) and how many there are; the first has the metadata of all.
"""

import mmap
import re
from pathlib import Path

import gguf

from prm_jax.errors import InputError

PART = re.compile(r"^(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$")
MERGE = "or merge them with llama.cpp: llama-gguf-split --merge FIRST_PART WHOLE.gguf"

NO_MODEL = {  # general.type, or an architecture: what such a file is, and what to do
    "adapter": ("a LoRA adapter and no model", "merge it with llama.cpp's llama-export-lora"),
    "mmproj": ("the image side of a model", "give the file with its language model"),
    "clip": ("the image side of a model", "give the file with its language model"),
    "imatrix": ("an importance matrix and no model", "give the file that was quantised with it"),
}


def open_parts(path):
    """Opens a file, and with one part of several all of them.

    Args:
        path: of a whole file or of any part.

    Returns:
        `(dict of decoded metadata, dict of tensor name -> gguf.ReaderTensor)`.

    Raises:
        InputError: no GGUF file, a truncated one, one in another version or byte order, one that
            holds no model, or a part is missing or of another model.
    """
    path = Path(path)
    fields, tensors = open_file(path)
    count = fields.get("split.count", 1)
    if count > 1:
        names = part_names(path, fields["split.no"], count)
        if missing := [name for name in names if not path.with_name(name).is_file()]:
            raise InputError(
                f"is part {fields['split.no'] + 1} of {count}; missing beside it: "
                f"{', '.join(missing)}",
                file=path,
                field="split.count",
                remedy=f"put all parts into one directory, {MERGE}",
            )
        fields, tensors = join([path.with_name(name) for name in names])
    kind = str(fields.get("general.type")), str(fields.get("general.architecture"))
    for word in kind:
        if word in NO_MODEL:
            what, remedy = NO_MODEL[word]
            raise InputError(f"is {what}", file=path, field="general.type", remedy=remedy)
    return fields, tensors


def part_names(path, number, count):
    """The file names of all parts.

    Args:
        path: of one part.
        number: which it says it is, from 0.
        count: how many there are.

    Raises:
        InputError: its name is not that of this part.
    """
    found = PART.match(path.name)
    if not found or (int(found["number"]), int(found["count"])) != (number + 1, count):
        raise InputError(
            f"is part {number + 1} of {count}, which its name does not say",
            file=path,
            field="split.no",
            remedy=f"name the parts NAME-{number + 1:05d}-of-{count:05d}.gguf and so on, {MERGE}",
        )
    return [f"{found['stem']}-{part + 1:05d}-of-{count:05d}.gguf" for part in range(count)]


def join(paths):
    """Metadata of the first part and the tensors of all, as in `open_parts`."""
    opened = [open_file(path) for path in paths]
    fields = opened[0][0]
    tensors: dict[str, gguf.ReaderTensor] = {}
    for number, (path, (of_part, more)) in enumerate(zip(paths, opened)):
        if (of_part.get("split.no"), of_part.get("split.count")) != (number, len(paths)):
            raise InputError(
                f"is not part {number + 1} of {len(paths)}, as its name says",
                file=path,
                field="split.no",
                remedy="fetch the parts of one model again",
            )
        tensors |= more
    total = fields.get("split.tensors.count", len(tensors))
    if total != sum(len(more) for _, more in opened) or total != len(tensors):
        raise InputError(
            f"the parts hold {len(tensors)} tensors and should hold {total}",
            file=paths[0],
            field="split.tensors.count",
            remedy="fetch the parts of one model again",
        )
    return fields, tensors


def open_file(path):
    """Metadata and tensors of one file, as in `open_parts`."""
    try:
        check_header(path)
        check_lengths(path)
        reader = gguf.GGUFReader(path)
        fields = {name: field.contents() for name, field in reader.fields.items()}
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from error
    except InputError:
        raise
    except (ValueError, IndexError, KeyError, OverflowError, TypeError) as error:
        raise InputError(
            "not a GGUF file, or a truncated one", file=path, remedy="fetch it again"
        ) from error
    return fields, {tensor.name: tensor for tensor in reader.tensors}


def check_header(path):
    """Raises `InputError` for a version or a byte order whose numbers would be misread."""
    with open(path, "rb") as file:
        magic, version = file.read(4), file.read(4)
    if magic != b"GGUF" or len(version) < 4:
        return
    if int.from_bytes(version, "little") > 0xFFFF:
        raise InputError(
            "is big-endian",
            file=path,
            field="GGUF.version",
            remedy="convert it with the gguf package: gguf-convert-endian FILE little",
        )
    if int.from_bytes(version, "little") not in gguf.gguf_reader.READER_SUPPORTED_VERSIONS:
        raise InputError(
            f"is of version {int.from_bytes(version, 'little')} of the format",
            file=path,
            field="GGUF.version",
            remedy="convert the model again with a llama.cpp of today",
        )


SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of each kind of number in metadata."""
STRING, ARRAY, DEEPEST = 8, 9, 4


def check_lengths(path):
    """Raises ValueError if metadata or descriptions of tensors say that they go on after the file.

    The reader of the `gguf` package takes lengths at their word.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:4] != b"GGUF":
            return
        cursor = Cursor(data, 8)
        tensors, entries = cursor.number(8), cursor.number(8)
        for _ in range(entries):
            cursor.skip(cursor.number(8))
            cursor.skip_value(cursor.number(4))
        for _ in range(tensors):
            cursor.skip(cursor.number(8))
            cursor.skip(8 * cursor.number(4) + 4 + 8)


class Cursor:
    """A place in a file that moves on and never leaves it."""

    def __init__(self, data, at):
        self.data, self.at, self.end = data, at, len(data)

    def skip(self, size):
        """Moves on by so many bytes."""
        self.at += size
        if self.at > self.end:
            raise ValueError("the file ends before what it says it holds")

    def number(self, size):
        """The unsigned number here, of so many bytes."""
        start = self.at
        self.skip(size)
        return int.from_bytes(self.data[start : self.at], "little")

    def skip_value(self, kind, depth=0):
        """Moves on by one value of metadata."""
        if kind in SIZES:
            self.skip(SIZES[kind])
        elif kind == STRING:
            self.skip(self.number(8))
        elif kind == ARRAY and depth < DEEPEST:
            inner, count = self.number(4), self.number(8)
            if inner in SIZES:
                self.skip(SIZES[inner] * count)
                return
            for _ in range(count):
                self.skip_value(inner, depth + 1)
        else:
            raise ValueError(f"no value of metadata is of kind {kind}")
