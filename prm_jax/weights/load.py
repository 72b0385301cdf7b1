"""`load_model`: one function for every kind of model a user can name."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from absl import logging

from prm_jax.errors import InputError, few
from prm_jax.models import Decoder, abstract_params
from prm_jax.text.convention import CONVENTIONS, recorded_convention
from prm_jax.text.tokenizer import Tokenizer
from prm_jax.weights import artifacts, hf_head, peft_adapter
from prm_jax.weights.assemble import assemble
from prm_jax.weights.gguf import IGNORABLE, GgufFile
from prm_jax.weights.hf import RECORD, load_directory, read_record, recorded

DTYPES = ("float32", "bfloat16")


def load_model(name, *, dtype="float32", mesh=None, path=None, base=None, look=None):
    """Loads a model, its parameters and its tokenizer.

    Args:
        name: a Hugging Face directory, an export of ours, a training workdir, a peft adapter's
            directory, a `.gguf` file, the name of a preset (`smollm2-135m`), which is looked for
            as `artifacts.locate` says, or OWNER/NAME@COMMIT of the Hugging Face hub.
        dtype: 'float32' or 'bfloat16': dtype of the parameters and of the computation. For training
            in bfloat16 on float32 parameters load in float32 and use
            `model.clone(dtype='bfloat16')`.
        mesh: mesh with axes ('data', 'fsdp', 'tensor') that the parameters are spread over; None is
            the default device.
        path: for a preset: use this directory or file instead of searching.
        base: for an adapter: the model it adapts; None is what `peft_adapter.base_directory` finds.
        look: called, before weights are read, with whether this is a language model without a head
            of which nothing says how steps are marked; may raise. Not of a run without an export.

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
    if base is not None and not (place.is_dir() and peft_adapter.is_adapter(place)):
        raise InputError(
            "is given, and the model is no peft adapter",
            file=place,
            field="base",
            remedy="leave it out, or name the adapter's directory as the model",
        )
    if place.is_dir() and (place / "checkpoints").is_dir():
        if not (place / "export" / "config.json").is_file():
            from prm_jax.train import checkpoint  # training needs more than scoring does

            return checkpoint.load_for_inference(place, dtype=dtype, mesh=mesh)
        try:
            return from_directory(place / "export", dtype, mesh, base, look)
        except InputError as error:
            raise error.advised("give the training's command again, which mends it") from error
    if place.is_dir():
        return from_directory(place, dtype, mesh, base, look)
    return from_gguf(place, dtype, mesh, look)


def recorded_training(name):
    """How a model's parameters came about, as its files record it; None if they do not.

    Args:
        name: as `load_model` takes it.

    Raises:
        InputError: the record is damaged.
    """
    found, workdir = recorded(name, "training"), Path(name)
    exported = (workdir / "export" / "config.json").is_file()
    if found is None and not exported and (workdir / "checkpoints").is_dir():
        from prm_jax.train import checkpoint

        return {"record": checkpoint.latest_record(workdir)}
    return found


def find(name, path=None):
    """The directory or file that a name stands for."""
    if path is None and Path(name).expanduser().exists():
        return Path(name).expanduser()
    if name in artifacts.presets():
        return artifacts.locate(name, path)
    if artifacts.HUB_NAME.fullmatch(name.split("@")[0]):
        return artifacts.from_hub(name)
    raise InputError(
        f"no model {name!r}: neither a directory, nor a .gguf file, nor a preset",
        field="model",
        remedy=f"presets are {', '.join(artifacts.presets())}",
    )


def from_directory(directory, dtype, mesh, base=None, look=None):
    """Loads a Hugging Face directory, an export of ours or an adapter.

    How a model with a head marks what it scores is what its files record, else what its class says:
    see `hf_head`.
    """
    if peft_adapter.is_adapter(directory):
        base = peft_adapter.base_directory(directory, base)  # once: it may be fetched
    with ThreadPoolExecutor(1) as beside:
        reading = beside.submit(read_tokenizer, directory, base)
        config, head, params, values = load_directory(
            directory, dtype=dtype, mesh=mesh, base=base, look=look
        )
    tokenizer = reading.result()
    if tokenizer.convention is None and head is not None and head.kind in hf_head.KINDS:
        pad_token = tokenizer.text_of(values.get("pad_token_id"))
        tokenizer.convention = hf_head.read_convention(values, pad_token)
    require_embedded(tokenizer, config.vocab_size, directory)
    return Decoder(config, head=head, dtype=dtype), params, tokenizer


def read_tokenizer(directory, base=None):
    """The tokenizer of a directory; what an adapter does not bring is its base's."""
    if not peft_adapter.is_adapter(directory):
        return Tokenizer.from_dir(directory)
    of_base = peft_adapter.base_directory(directory, base)
    own = (directory / "tokenizer.json").is_file()
    tokenizer = Tokenizer.from_dir(directory if own else of_base)
    recorded = recorded_convention(read_record(of_base), of_base / RECORD)
    if tokenizer.convention is None and recorded and not peft_adapter.brings_head(directory):
        tokenizer.convention = recorded
    return tokenizer


def from_gguf(path, dtype, mesh, look=None):
    """Loads a GGUF file, or all parts of a split one.

    A classifier head is read at the end of the chat, or of the text where there is no template,
    unless it has several classes and `pooling_type` says that it reads every token.
    """
    if path.suffix != ".gguf":
        raise InputError("is neither a directory nor a .gguf file", file=path)
    file = GgufFile(path)
    if look is not None:
        look(file.head is None)
    with ThreadPoolExecutor(1) as beside:
        reading = beside.submit(Tokenizer.from_gguf, file.fields)
        abstract = abstract_params(file.config, file.head)
        params = assemble(file, file.rows(), abstract, dtype=dtype, mesh=mesh, ignorable=IGNORABLE)
    try:
        tokenizer = reading.result()
    except InputError as error:
        raise InputError(
            error.problem, file=path, field=error.field, remedy=error.remedy
        ) from error
    require_embedded(tokenizer, file.config.vocab_size, path)
    if file.head is not None:
        of_solution = "outcome" if tokenizer.chat_template else "outcome_plain"
        tokenizer.convention = CONVENTIONS[of_solution if file.scores_solutions else "trl"]
    return Decoder(file.config, head=file.head, dtype=dtype), params, tokenizer


def require_embedded(tokenizer, rows, file):
    """Raises `InputError` if the embedding lacks rows for tokens that any text may have.

    Tokens that were added are another matter: many vocabularies have one for padding that no text
    holds. Encoding refuses a text with such a token. An embedding with twice as many rows as there
    are tokens can be told only in a warning: some are padded.
    """
    tokenizer.embedding_rows = rows
    if tokenizer.vocab_size <= rows:
        if 2 * tokenizer.vocab_size < rows:
            logging.warning(
                "%s: the tokenizer has %d ids and the embedding %d rows: is it this model's?",
                file,
                tokenizer.vocab_size,
                rows,
            )
        return
    ordinary = tokenizer.backend.get_vocab(with_added_tokens=False)
    added = tokenizer.backend.get_added_tokens_decoder()
    beyond = [token for token, i in ordinary.items() if i >= rows and i not in added]
    if beyond:
        raise InputError(
            f"the tokenizer has {tokenizer.vocab_size} ids and the embedding {rows} rows, none for "
            f"{few(map(repr, beyond))}",
            file=file,
            field="vocab_size",
            remedy="take the tokenizer that the model was trained with",
        )
