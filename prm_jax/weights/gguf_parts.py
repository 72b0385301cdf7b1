"""Opening a GGUF file, or all parts of a split one, and saying of what is no model what it is.

`llama-gguf-split` writes NAME-00001-of-00003.gguf and so on. Each part says which it is
(`split.no`, from 0) and how many there are; the first has the metadata of all.
"""

import re
import struct
from pathlib import Path

from gguf.gguf_reader import READER_SUPPORTED_VERSIONS

from prm_jax.errors import InputError
from prm_jax.weights.gguf_file import StoredTensor, read_header

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
        `(dict of decoded metadata, dict of tensor name -> StoredTensor)`.

    Raises:
        InputError: no GGUF file, a truncated one, one in another version or byte order, one that
            holds no model, or a part is missing or of another model.
    """
    path = Path(path)
    fields, tensors = open_file(path)
    count, number = fields.get("split.count", 1), fields.get("split.no", 0)
    for field, value in (("split.count", count), ("split.no", number)):
        if not isinstance(value, int):
            raise InputError("is not a number", file=path, field=field, remedy="fetch it again")
    if count > 1:
        names = part_names(path, number, count)
        if missing := [name for name in names if not path.with_name(name).is_file()]:
            raise InputError(
                f"is part {number + 1} of {count}; missing beside it: {', '.join(missing)}",
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
    tensors: dict[str, StoredTensor] = {}
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
        return read_header(path)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from error
    except InputError:
        raise
    except (ValueError, KeyError, OverflowError, struct.error) as error:
        raise InputError(
            "not a GGUF file, or a truncated one", file=path, remedy="fetch it again"
        ) from error


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
    if int.from_bytes(version, "little") not in READER_SUPPORTED_VERSIONS:
        raise InputError(
            f"is of version {int.from_bytes(version, 'little')} of the format",
            file=path,
            field="GGUF.version",
            remedy="convert the model again with a llama.cpp of today",
        )
