"""`load_model`: one function for every kind of model a user can name."""

from pathlib import Path

from prm_jax.errors import InputError
from prm_jax.models import Decoder, abstract_params
from prm_jax.text.convention import CONVENTIONS
from prm_jax.text.tokenizer import Tokenizer
from prm_jax.weights import artifacts
from prm_jax.weights.assemble import assemble
from prm_jax.weights.gguf import IGNORABLE, GgufFile
from prm_jax.weights.hf import load_directory

DTYPES = ("float32", "bfloat16")

# How steps are marked, by kind of head, where a checkpoint does not record it.
CLASS_CONVENTIONS = {"scalar": "trl", "linear": "trl", "mlp": "qwen"}


def load_model(name, *, dtype="float32", mesh=None, path=None):
    """Loads a model, its parameters and its tokenizer.

    Args:
        name: a Hugging Face directory, an export of ours, a training workdir, a `.gguf` file, or
            the name of a preset (`smollm2-135m`), which is looked for as `artifacts.locate` says.
        dtype: 'float32' or 'bfloat16': dtype of the parameters and of the computation. For training
            in bfloat16 on float32 parameters load in float32 and use
            `model.clone(dtype='bfloat16')`.
        mesh: mesh with axes ('data', 'fsdp', 'tensor') that the parameters are spread over; None is
            the default device.
        path: for a preset: use this directory or file instead of searching.

    Returns:
        `(model, params, tokenizer)`: a `Decoder`, whose `head` says what reads its states (None for
        a language model); the nested dict of arrays; a `Tokenizer`, whose `convention` says how
        steps are marked (None if nothing says so).

    Raises:
        InputError: nothing of that name, or a file that is missing, truncated or not supported.
    """
    if dtype not in DTYPES:
        raise InputError(f"unknown dtype {dtype!r}", field="dtype", remedy=" or ".join(DTYPES))
    place = find(str(name), path)
    if place.is_dir() and (place / "checkpoints").is_dir():
        if not (place / "export" / "config.json").is_file():
            from prm_jax.train import checkpoint  # training needs more than scoring does

            return checkpoint.load_for_inference(place, dtype=dtype, mesh=mesh)
        place = place / "export"
    if place.is_dir():
        return from_directory(place, dtype, mesh)
    return from_gguf(place, dtype, mesh)


def find(name, path):
    """The directory or file that a name stands for."""
    if path is None and Path(name).expanduser().exists():
        return Path(name).expanduser()
    if name in artifacts.presets():
        return artifacts.locate(name, path)
    raise InputError(
        f"no model {name!r}: neither a directory, nor a .gguf file, nor a preset",
        field="model",
        remedy=f"presets are {', '.join(artifacts.presets())}",
    )


def from_directory(directory, dtype, mesh):
    """Loads a Hugging Face directory or an export of ours.

    A token classifier that does not record how its steps are marked is read as TRL's, a process
    reward model as Qwen's.
    """
    config, head, params, _ = load_directory(directory, dtype=dtype, mesh=mesh)
    tokenizer = Tokenizer.from_dir(directory)
    if tokenizer.convention is None and head is not None and head.kind in CLASS_CONVENTIONS:
        tokenizer.convention = CONVENTIONS[CLASS_CONVENTIONS[head.kind]]
    return Decoder(config, head=head, dtype=dtype), params, tokenizer


def from_gguf(path, dtype, mesh):
    """Loads a GGUF file."""
    if path.suffix != ".gguf":
        raise InputError("is neither a directory nor a .gguf file", file=path)
    file = GgufFile(path)
    abstract = abstract_params(file.config)
    params = assemble(file, file.rows(), abstract, dtype=dtype, mesh=mesh, ignorable=IGNORABLE)
    try:
        tokenizer = Tokenizer.from_gguf(file.fields)
    except InputError as error:
        raise InputError(
            error.problem, file=path, field=error.field, remedy=error.remedy
        ) from error
    return Decoder(file.config, dtype=dtype), params, tokenizer
