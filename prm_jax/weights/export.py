"""Writing a model as a Hugging Face directory that transformers and `load_model` read."""

import contextlib
import dataclasses
import math
import os
import re
import shutil
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax import crc32
from prm_jax.errors import InputError
from prm_jax.files import check_place, room_for, write_json
from prm_jax.json_files import read_json, require_kinds
from prm_jax.models import abstract_params, paths, resegment
from prm_jax.text.tokenizer import Tokenizer
from prm_jax.weights import hf_config, hf_head, hf_tables, layout
from prm_jax.weights.hf import KINDS, RECORD
from prm_jax.weights.safetensors_files import (
    INDEX,
    SINGLE,
    SafetensorsDirectory,
    save_tensors,
)

MAKE_ROOM = "make room and give the same command again"
MAX_SHARD_BYTES = 5 * 10**9
GROUP = re.compile(r"layers_(\d+)/")


def export(
    directory,
    model,
    params,
    tokenizer,
    *,
    aggregation=None,
    training=None,
    threshold=None,
    max_shard_bytes=MAX_SHARD_BYTES,
):
    """Writes a model as `config.json`, safetensors and tokenizer files, and `prm_jax.json`.

    The architecture follows the head: see `hf_head.write_head`. Every parameter is written, also an
    unembedding that a token classifier does not use, so that importing the directory gives the same
    tree bit by bit. `prm_jax.json` keeps what the other files cannot say. The directory appears
    whole or not at all; an earlier export in its place is replaced.

    Args:
        directory: where to write.
        model: `Decoder`; its configuration and head are recorded.
        params: nested dict of arrays in any grouping of layers, LoRA merged.
        tokenizer: `Tokenizer`; its convention is recorded.
        aggregation: name of the aggregation that turns step scores into a solution's score.
        training: JSON-able object, how the parameters came about.
        threshold: `value` and `source`, as `threshold.recorded_threshold` gives them.
        max_shard_bytes: weights beyond this size go to several files with an index.

    Raises:
        InputError: the directory holds something else, a parameter has no place in the format, or
            the family's files cannot describe the architecture.
    """
    directory = Path(directory)
    check_place(directory)
    require_replaceable(directory)
    tensors = stored_tensors(model.config, model.head, params)
    if hf_head.pools(model.head, tokenizer.convention):
        tensors.pop("score.bias", None)
    dtype = jnp.dtype(params["embed"]["embedding"].dtype).name
    values = hf_config.write_config(model.config)
    values |= hf_head.write_head(model.config.family, model.head, tokenizer.convention)
    values |= {"torch_dtype": dtype, "dtype": dtype, "use_cache": True}
    values |= {
        f"{role}_token_id": token_id
        for role in ("bos", "eos", "pad")
        if (token_id := getattr(tokenizer, f"{role}_id")) is not None
    }
    convention = tokenizer.convention
    record = {
        "head": None if model.head is None else dataclasses.asdict(model.head),
        "convention": None if convention is None else convention.to_dict(),
        "aggregation": aggregation,
        "training": training,
        **({} if threshold is None else {"threshold": threshold}),
    }
    temporary = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))
    try:
        with room_in_place_of(directory, temporary):
            write_tensors(temporary, tensors, max_shard_bytes)
            tokenizer.save(temporary)
            write_json(temporary / "config.json", values)
            weights = sorted(temporary.glob("*.safetensors"))
            record["weights"] = {file.name: crc32.facts(file) for file in weights}
            write_json(temporary / RECORD, record)
        put_in_place(temporary, directory)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def damage(directory) -> str:
    """What is wrong with an export, '' if nothing is found.

    Weights are compared with the checksums that `export` recorded; one of an earlier version, which
    has none, may have bits changed.

    Args:
        directory: of the export.
    """
    directory = Path(directory)
    try:
        record = read_json(directory / RECORD, KINDS)
        read_json(directory / "config.json")
        Tokenizer.from_dir(directory)
        SafetensorsDirectory(directory)
        written = record.get("weights") or {}
        require_kinds(written, dict.fromkeys(written, dict), directory / RECORD, within="weights")
        for fact in written.values():
            require_kinds(fact, {"bytes": int, "crc32": str}, directory / RECORD, within="weights")
    except InputError as error:
        return str(error)
    found = (crc32.difference(directory / name, fact, name) for name, fact in written.items())
    return next(filter(None, found), "")


@dataclasses.dataclass(frozen=True)
class Stored:
    """One tensor to be written, or a part of one; it leaves its device only when its file is
    written.

    Fields:
        leaf: the parameter.
        index: of the layer in it, and of the expert; () is all of it.
        pattern: the layout of the stored tensor.
    """

    leaf: jax.Array | np.ndarray
    index: tuple[int, ...]
    pattern: str

    @property
    def n_bytes(self):
        """Size in bytes."""
        size = math.prod(self.leaf.shape[len(self.index) :])
        return size * jnp.dtype(self.leaf.dtype).itemsize

    def fetch(self):
        """The tensor in its stored layout."""
        return layout.write(self.pattern, np.asarray(self.leaf[self.index]))


@dataclasses.dataclass(frozen=True)
class Joined:
    """Tensors that are stored as one, joined along their first axis."""

    parts: tuple[Stored, ...]

    @property
    def n_bytes(self):
        """Size in bytes."""
        return sum(part.n_bytes for part in self.parts)

    def fetch(self):
        """The tensor in its stored layout."""
        return np.concatenate([part.fetch() for part in self.parts])


def stored_tensors(config, head, params):
    """What to write: dict from Hugging Face key to `Stored` or `Joined`.

    Raises:
        InputError: parameters without a place in the format, missing ones, or shapes that the
            configuration denies.
    """
    rows = {row.path: row for row in hf_tables.rows_for(config, head)}
    whole = paths(resegmented_shapes(params))
    expected = paths(abstract_params(config, head))
    problems = [
        f"{what}: {', '.join(sorted(names))}"
        for what, names in (
            ("parameters that the format has no place for", set(whole) - set(expected)),
            ("missing parameters", set(expected) - set(whole) - {"unembed/kernel"}),
            (
                "shapes other than the configuration's",
                {n for n in whole if n in expected and whole[n].shape != expected[n].shape},
            ),
        )
        if names
    ]
    if problems:
        raise InputError("; ".join(problems), remedy="merge LoRA and resize the configuration")
    stored: dict[str, dict[str, Stored]] = {}  # key -> {path: its tensor}
    for path, leaf in paths(params).items():
        group = GROUP.match(path)
        if group is None:
            stored[rows[path].key] = {path: Stored(leaf, (), rows[path].layout)}
            continue
        row, first = rows[hf_tables.LAYERS + path[group.end() :]], int(group[1])
        for place, *others in np.ndindex(*leaf.shape[: row.n_stacks]):
            tensor = Stored(leaf, (place, *others), row.layout)
            stored.setdefault(row.key_at(first + place, *others), {})[row.path] = tensor
    tensors: dict[str, Stored | Joined] = {}
    for key, parts in stored.items():
        order = rows[next(iter(parts))].fused
        tensors[key] = (
            Joined(tuple(parts[path] for path in order)) if order else [*parts.values()][0]
        )
    if head is not None and head.kind in ("scalar", "linear") and not head.bias:
        # Transformers' token classifiers always have a bias.
        zeros = np.zeros(head.n_classes, params["head"]["kernel"].dtype)
        tensors["score.bias"] = Stored(zeros, (), "c -> c")
    return tensors


def resegmented_shapes(params):
    """Shapes of the tree with its layers in one group."""
    return jax.eval_shape(lambda tree: resegment(tree, ()), params)


def write_tensors(directory, tensors, max_shard_bytes):
    """Writes the safetensors files, and their index if there are several."""
    shards: list[list[str]] = [[]]
    room = max_shard_bytes
    for key in sorted(tensors):
        if tensors[key].n_bytes > room and shards[-1]:
            shards.append([])
            room = max_shard_bytes
        shards[-1].append(key)
        room -= tensors[key].n_bytes
    names = [SINGLE]
    if len(shards) > 1:
        count = len(shards)
        names = [f"model-{i + 1:05d}-of-{count:05d}.safetensors" for i in range(count)]
    for name, keys in zip(names, shards):
        # Transformers refuses files whose metadata does not name a framework.
        fetched = {key: tensors[key].fetch() for key in keys}
        save_tensors(directory / name, fetched, {"format": "pt"})
    if len(shards) > 1:
        total = sum(tensor.n_bytes for tensor in tensors.values())
        listed = {key: name for name, keys in zip(names, shards) for key in keys}
        write_json(directory / INDEX, {"metadata": {"total_size": total}, "weight_map": listed})


def require_replaceable(directory):
    """Raises `InputError` unless `directory` is absent, empty or an earlier export."""
    if directory.exists() and not (directory / RECORD).is_file():
        if not directory.is_dir() or any(directory.iterdir()):
            raise InputError(
                "is not an earlier export", file=directory, remedy="choose an empty directory"
            )


@contextlib.contextmanager
def room_in_place_of(directory, temporary):
    """As `files.room_for`, naming the directory and not the temporary one that is written."""
    try:
        with room_for(directory, remedy=MAKE_ROOM):
            yield
    except InputError as error:
        if Path(str(error.file)).parent != temporary:
            raise
        raise InputError(error.problem, file=directory, remedy=MAKE_ROOM) from error


def put_in_place(temporary, directory):
    """Renames the finished directory to its name, setting aside what was there."""
    mask = os.umask(0)
    os.umask(mask)
    temporary.chmod(0o777 & ~mask)
    if not directory.exists():
        temporary.rename(directory)
        return
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".replaced.") as aside:
        directory.rename(Path(aside) / "old")
        temporary.rename(directory)
