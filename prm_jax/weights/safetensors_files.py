"""The safetensors files of a checkpoint directory as one source of tensors."""

import json
from pathlib import Path

import safetensors

from prm_jax.errors import InputError

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"


class SafetensorsDirectory:
    """A directory with `model.safetensors`, or with an index of several files.

    Attributes:
        file: path of the file or of the index, for messages.
        shapes: dict: key -> shape.

    Raises:
        InputError: no weights, a file that the index names and that is not there, or a truncated
            one.
    """

    def __init__(self, directory, rename=lambda key: key):
        directory = Path(directory)
        self.stored = {}  # our key -> (file, key in it)
        self.shapes = {}
        if (directory / INDEX).is_file():
            self.file = str(directory / INDEX)
            listed = read_json(directory / INDEX).get("weight_map")
            if not isinstance(listed, dict):
                raise InputError("is not an index of tensors", file=self.file, field="weight_map")
            files = sorted({directory / name for name in listed.values()})
        elif (directory / SINGLE).is_file():
            self.file = str(directory / SINGLE)
            listed, files = None, [directory / SINGLE]
        else:
            raise InputError(no_weights(directory), file=directory, remedy=remedy(directory))
        for file in files:
            with opened(file) as tensors:
                for key in tensors.keys():
                    self.stored[rename(key)] = (file, key)
                    self.shapes[rename(key)] = tuple(tensors.get_slice(key).get_shape())
        if listed is not None:
            if lost := sorted(set(map(rename, listed)) - set(self.stored)):
                raise InputError(
                    f"tensors listed but not in their files: {', '.join(lost)}", file=self.file
                )

    def read(self, key, index):
        """A block of a tensor, in its stored dtype.

        The file is closed after each read, so that pages of it that were touched do not stay in
        memory.
        """
        file, name = self.stored[key]
        with opened(file) as tensors:
            return tensors.get_slice(name)[index]


def opened(file):
    """The open file; `InputError` where it is missing, truncated or of another format."""
    try:
        return safetensors.safe_open(file, framework="numpy")
    except FileNotFoundError as error:
        raise InputError("is listed in the index but is not there", file=file) from error
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(
            "not a safetensors file, or a truncated one", file=file, remedy="fetch it again"
        ) from error


def read_json(path):
    """The JSON object in a file.

    Raises:
        InputError: the file is missing or does not hold one.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("no such file", file=path) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        line = getattr(error, "lineno", None)
        raise InputError("is not JSON", file=path, line=line) from error
    if not isinstance(values, dict):
        raise InputError("is not a JSON object", file=path)
    return values


def no_weights(directory):
    """What to say of a directory without safetensors files."""
    if list(directory.glob("*.bin")):
        return "has weights only in PyTorch's pickle format"
    return f"has no weights ({SINGLE} or {INDEX})"


def remedy(directory):
    """What to do about a directory without safetensors files."""
    if list(directory.glob("*.bin")):
        return "convert them to safetensors (save_pretrained of transformers does)"
    return "give a Hugging Face directory, an export, a training workdir or a .gguf file"
