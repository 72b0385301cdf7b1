"""The safetensors files of a checkpoint directory as one source of tensors, and writing such files.

Which files are read is what transformers 5 reads: `model.safetensors` if it is there, else the
files that `model.safetensors.index.json` names; `transformers_weights` of `config.json` names
another one of either kind. Of a tensor that several files hold, the one in the file that the index
names counts.
"""

import os
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
from absl import logging

from prm_jax.errors import InputError, few
from prm_jax.files import atomic_path
from prm_jax.json_files import read_json, require_kinds

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
FLOATS = ("F64", "F32", "F16", "BF16")
BESIDE = ("adapter_model.safetensors", "value_head.safetensors")
"""Files with a meaning of their own, which are not left over."""


class SafetensorsDirectory:
    """A directory with `model.safetensors`, or with an index of several files.

    Attributes:
        file: path of the file or of the index, for messages.
        shapes: dict: key -> shape.
        dtypes: dict: key -> name of the stored dtype, such as 'BF16'.
        unlisted: keys that the index lists and that no file of it holds.

    Args:
        directory: where the files lie.
        rename: takes all keys, gives a dict from key to our key.
        name: the file or the index to read; None chooses as transformers does.
        beside: names of further files to read where they are there; their tensors count before
            others of the same key.

    Raises:
        InputError: no weights, a file that the index names and that is not there, or a truncated
            one.
    """

    def __init__(self, directory, rename=None, *, name=None, beside=()):
        directory = Path(directory)
        there = (n for n in (SINGLE, INDEX) if os.path.lexists(directory / n))
        name = name or next(there, None)
        if name is None:
            raise InputError(no_weights(directory), file=directory, remedy=remedy(directory))
        self.file = str(directory / name)
        listed = {}
        if name.endswith(".json"):
            listed = read_json(directory / name, {"weight_map": dict})["weight_map"]
            kinds = dict.fromkeys(listed, str)
            require_kinds(listed, kinds, self.file, within="weight_map")
            require_beside(listed.values(), self.file)
        names = sorted(set(listed.values())) or [name]
        extra = [other for other in beside if (directory / other).is_file()]
        warn_of_leftovers(directory, [*names, *extra], name)
        found = {}  # key in its file -> (file, shape, dtype)
        copies = set()
        for file in names + extra:
            with opened(directory / file) as tensors:
                for key in tensors.keys():
                    if key in found and file not in extra:
                        copies.add(key)
                        if key in listed and listed[key] != file:
                            continue
                    part = tensors.get_slice(key)
                    found[key] = (directory / file, tuple(part.get_shape()), part.get_dtype())
        if copies:
            logging.warning(
                "%s: in several files: %s; those in the files that the index names are read",
                self.file,
                few(sorted(copies)),
            )
        self.unlisted = sorted(set(listed) - set(found))
        if more := sorted(key for key in found if listed and key not in listed):
            logging.info("%s: read although the index does not list them: %s", name, few(more))
        names_of = rename(found) if rename else {key: key for key in found}
        self.stored = {names_of[key]: (file, key) for key, (file, _, _) in found.items()}
        self.shapes = {names_of[key]: shape for key, (_, shape, _) in found.items()}
        self.dtypes = {names_of[key]: dtype for key, (_, _, dtype) in found.items()}

    def read(self, key, index):
        """A block of a tensor, in its stored dtype.

        The file is closed after each read, so that pages of it that were touched do not stay in
        memory.
        """
        file, name = self.stored[key]
        with opened(file) as tensors:
            return tensors.get_slice(name)[index]


def save_tensors(path, tensors, metadata=None):
    """Writes a safetensors file: the one way to do it.

    Safetensors 0.8.0 writes the memory of an array as it lies there, so an array in column-major
    order (a transposed one, one that a device gave back so) would come back with its elements in
    other places; each is brought into row-major order before.

    Args:
        path: the file to write; a block that fails halfway leaves what was there.
        tensors: dict from key to array.
        metadata: dict of texts for the file's header, or None.
    """
    ordered = {key: np.require(array, requirements="C") for key, array in tensors.items()}
    with atomic_path(path) as temporary:
        safetensors.numpy.save_file(ordered, temporary, metadata)


def warn_of_leftovers(directory, names, chosen):
    """Says in one line which files of weights beside the chosen ones are not read."""
    others = [path.name for path in directory.glob("*.safetensors")]
    others += [INDEX] if (directory / INDEX).is_file() and chosen != INDEX else []
    if left := sorted(set(others) - set(names) - set(BESIDE)):
        logging.warning(
            "%s: %s is read, as transformers does; not read: %s", directory, chosen, few(left)
        )


def require_beside(names, file):
    """Raises `InputError` if an index names something else than a file in its own directory."""
    for name in names:
        if name != os.path.basename(name) or name in ("", ".", ".."):
            raise InputError(
                f"names {name!r}, which is no file beside it",
                file=file,
                field="weight_map",
                remedy="fetch the model again",
            )


def opened(file):
    """The open file; `InputError` where it is missing, truncated or of another format."""
    try:
        return safetensors.safe_open(file, framework="numpy")
    except FileNotFoundError as error:
        raise InputError("is listed in the index but is not there", file=file) from error
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise InputError(
            "not a safetensors file, or a truncated one", file=file, remedy="fetch it again"
        ) from error


def require_floats(source, ignorable=()):
    """Raises `InputError` for weights that are stored as something else than plain numbers."""
    odd = sorted(
        key
        for key, dtype in source.dtypes.items()
        if dtype not in FLOATS and not any(pattern.search(key) for pattern in ignorable)
    )
    if odd:
        raise InputError(
            f"{few(odd, 1)} stored as {source.dtypes[odd[0]]}: quantised weights are not read",
            file=source.file,
            remedy="dequantise them and save in bfloat16, or use the model in GGUF",
        )


def no_weights(directory):
    """What to say of a directory without safetensors files that are read."""
    if others := sorted(path.name for path in directory.glob("*.safetensors")):
        return f"has neither {SINGLE} nor {INDEX}, but {few(others)}"
    if list(directory.glob("*.bin")):
        return "has weights only in PyTorch's pickle format"
    return f"has no weights ({SINGLE} or {INDEX})"


def remedy(directory):
    """What to do about a directory without safetensors files that are read."""
    if len(others := sorted(directory.glob("*.safetensors"))) == 1:
        return f"rename it to {SINGLE} if it holds the whole model under transformers' names"
    if others:
        return f"write {INDEX} for them, or save the model again (save_pretrained of transformers)"
    if list(directory.glob("*.bin")):
        return "convert them to safetensors (save_pretrained of transformers does)"
    return "give a Hugging Face directory, an export, a training workdir or a .gguf file"
