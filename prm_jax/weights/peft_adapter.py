"""Reading a directory that peft wrote: a LoRA, and modules saved whole, on top of a base model.

The adapter is merged tensor by tensor while the base is read: W + s B A with s = alpha / r, or
alpha / sqrt(r) for rank-stabilised LoRA (Hu et al., arXiv:2106.09685; Kalajdzievski,
arXiv:2312.03732), in float32. Tied embeddings of which one use is adapted are untied, since peft
adapts that use alone.
"""

import math
import os
import re
from pathlib import Path

import numpy as np
from absl import logging

from prm_jax.errors import InputError, few
from prm_jax.json_files import read_json
from prm_jax.weights import artifacts
from prm_jax.weights.hf_keys import HEADS, INSIDE
from prm_jax.weights.hf_tables import plain_key
from prm_jax.weights.patterns import PatternError, first_fitting
from prm_jax.weights.safetensors_files import SafetensorsDirectory

CONFIG, WEIGHTS, VALUE_HEAD = (
    "adapter_config.json",
    "adapter_model.safetensors",
    "value_head.safetensors",
)
PREFIX = "base_model.model."
ARCHITECTURES = {"TOKEN_CLS": "ForTokenClassification", "SEQ_CLS": "ForSequenceClassification"}
EMBEDDING, UNEMBEDDING = "model.embed_tokens.weight", "lm_head.weight"
MERGE_FIRST = "merge it with peft (merge_and_unload) and save the model"
BROKEN = "take the file that peft wrote"

FACTOR = re.compile(
    r"^(?P<module>.+)\.lora_(?P<embedding>embedding_)?(?P<factor>[AB])"
    r"(\.(?!weight$|bias$)[^.]+)?(\.(?P<part>weight|bias))?$"
)
SAVED = re.compile(r"\.(modules_to_save(\.(?!weight$|bias$)[^.]+)?|base_layer)(?=\.)")

# What changes the product or the base, by the value that is off.
REFUSED = (
    "use_dora",
    "use_qalora",
    "use_bdlora",
    "lora_bias",
    "layer_replication",
    "alora_invocation_tokens",
    "arrow_config",
    "kasa_config",
    "monteclora_config",
    "velora_config",
    "trainable_token_indices",
    "target_parameters",
)
PLAIN_STARTS = (True, False, None, "gaussian", "orthogonal", "eva")
"""Values of `init_lora_weights` that leave the base weights as they are; others change them."""


def is_adapter(directory) -> bool:
    """Whether a directory holds a peft adapter."""
    return os.path.lexists(Path(directory) / CONFIG)


def brings_head(directory) -> bool:
    """Whether an adapter makes a classifier of its base."""
    return _architecture(read_json(Path(directory) / CONFIG)) is not None


def _architecture(config):
    """The ending of the class that an adapter's task makes of its base; None leaves the base's."""
    task = config.get("task_type")
    return ARCHITECTURES.get(task) if isinstance(task, str) else None


def base_directory(directory, base=None):
    """Where the model lies that an adapter adapts.

    Args:
        directory: of the adapter.
        base: a directory or a preset's name that the user gives; None takes what the adapter says:
            itself if it is a whole model, else `base_model_name_or_path`, a directory as seen from
            the working directory (peft's reading) or from the adapter, a preset or a name on the
            Hugging Face hub with its commit: OWNER/NAME@COMMIT, or the adapter's `revision`.

    Returns:
        Path of a directory with `config.json`.

    Raises:
        InputError: it is not found, or is no such directory.
    """
    directory = Path(directory)
    if base is None and (directory / "config.json").is_file():
        return directory
    config = read_json(directory / CONFIG)
    named = str(base or config.get("base_model_name_or_path") or "")
    if base is None and artifacts.PINNED.fullmatch(f"{named}@{config.get('revision')}"):
        named = f"{named}@{config['revision']}"
    places = [place for place in _places(named, directory) if place is not None]
    found = next((place for place in places if (place / "config.json").is_file()), None)
    if found is None:
        what = "is no directory with config.json" if places else "is not found"
        raise InputError(
            f"is a peft adapter, and its base model {named!r} {what}",
            file=directory,
            field="base" if base else "base_model_name_or_path",
            remedy="give the base's directory or OWNER/NAME@COMMIT (--base of score, export; "
            f"load_model(..., base=)), or {MERGE_FIRST}",
        )
    return found


def _places(name, directory):
    """Where a base model of that name may be, in the order it is looked for."""
    if not name:
        return
    for place in (Path(name).expanduser(), directory / name):
        yield place if place.is_dir() else None
    hubs = {artifact["hub"]: preset for preset, artifact in artifacts.presets().items()}
    preset = name if name in artifacts.presets() else hubs.get(name)
    if preset is not None:
        place = artifacts.locate(preset)
        yield place if place.is_dir() else None
    elif pinned := artifacts.PINNED.fullmatch(name):
        yield artifacts.hub_directory(*pinned.groups())


class AdaptedSource:
    """A base model's tensors with an adapter merged into them; see `assemble` for its use.

    Attributes:
        file: of the adapter, for messages.
        shapes: dict: key -> shape.
        dtypes: dict: key -> name of the stored dtype.
        architecture: ending of the class that the task type stands for; None leaves the base's.

    Args:
        directory: of the adapter.
        base: source of the base's tensors by the names of `hf_keys`.
        tied: whether the base's unembedding is its embedding.

    Raises:
        InputError: an adapter of another kind, or one that does not fit.
    """

    def __init__(self, directory, base, tied):
        directory = Path(directory)
        self.config = read_json(directory / CONFIG)
        self.file = str(directory / WEIGHTS)
        refuse(self.config, directory / CONFIG)
        if not (directory / WEIGHTS).is_file():
            raise InputError(
                f"has no {WEIGHTS}", file=directory, remedy="save the adapter as safetensors"
            )
        self.architecture = _architecture(self.config)
        self._base = base
        self._adapter = SafetensorsDirectory(directory, name=WEIGHTS, beside=(VALUE_HEAD,))
        self._factors: dict[str, dict[str, str]] = {}  # key -> {'A', 'B': key in the adapter}
        self._rank: dict[str, float] = {}
        self._scale: dict[str, float] = {}
        self._saved: dict[str, str] = {}  # key -> key in the adapter
        self._copies: dict[str, str] = {}  # key -> key of the base whose values it has
        for stored in self._adapter.shapes:
            self._take(stored)
        if tied and UNEMBEDDING not in base.shapes:
            resized = EMBEDDING in self._saved and self._resized(EMBEDDING)
            if {EMBEDDING, UNEMBEDDING} & {*self._factors, *self._saved} and not resized:
                self._copies[UNEMBEDDING] = EMBEDDING
        # A layer saved whole has no bias but its own.
        whole = {key.removesuffix(".weight") for key in self._saved if key.endswith(".weight")}
        gone = {f"{layer}.bias" for layer in whole}
        kept = [key for key in (*base.shapes, *self._copies) if key not in gone]
        self.shapes = {key: base.shapes[self._copies.get(key, key)] for key in kept}
        self.dtypes = {key: base.dtypes[self._copies.get(key, key)] for key in kept}
        for key, stored in self._saved.items():
            self.shapes[key] = self._adapter.shapes[stored]
            self.dtypes[key] = self._adapter.dtypes[stored]
        self._check()

    def _resized(self, key):
        """Whether the adapter's copy of a tensor has another shape than the base's."""
        return self._adapter.shapes[self._saved[key]] != self._base.shapes.get(key)

    def _take(self, stored):
        """Sorts one tensor of the adapter into a factor or a module saved whole."""
        name = INSIDE.sub(r"\1", stored).removeprefix(PREFIX)
        if ".original_module." in name:  # the base's, which peft keeps beside a module saved whole
            return
        factor = FACTOR.match(name)
        if factor is None and ".lora_" in name:
            raise InputError(f"{stored} is no plain LoRA", file=self.file, remedy=MERGE_FIRST)
        if factor is None:
            self._saved[self._key(SAVED.sub("", name))] = stored
            return
        if factor["part"] == "bias":
            raise InputError("has biases on LoRA", file=self.file, remedy=MERGE_FIRST)
        module = factor["module"]
        key = self._key(f"{module}.weight")
        kind = ("embedding_" if factor["embedding"] else "") + factor["factor"]
        self._factors.setdefault(key, {})[kind] = stored
        self._rank[key] = self._pattern("rank_pattern", module, "r")
        alpha = self._pattern("alpha_pattern", module, "lora_alpha")
        rslora = self.config.get("use_rslora")
        self._scale[key] = alpha / (math.sqrt(self._rank[key]) if rslora else self._rank[key])

    def _key(self, name):
        """The base's name for a tensor; an adapter of a bare backbone leaves `model.` away."""
        name = plain_key(name)
        for head in HEADS:
            if name.startswith(f"{head}.") and name not in self._base.shapes:
                return "score" + name.removeprefix(head)
        known = self._base.shapes
        return f"model.{name}" if name not in known and f"model.{name}" in known else name

    def _pattern(self, name, module, default):
        """A number that may differ by module: of the first pattern that ends the module's name."""
        patterns = self.config.get(name) or {}
        if not isinstance(patterns, dict):
            raise InputError("is not an object", file=self.config_file, field=name, remedy=BROKEN)
        value, field = self.config.get(default), default
        try:
            found = first_fitting(tuple(patterns), module)
        except PatternError as error:
            raise InputError(
                f"{error.pattern!r} {error}", file=self.config_file, field=name, remedy=BROKEN
            ) from error
        if found is not None:
            value, field = patterns[found], name
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise InputError(
                "is no number above 0", file=self.config_file, field=field, remedy=BROKEN
            )
        return value

    @property
    def config_file(self):
        """Path of the adapter's configuration."""
        return str(Path(self.file).with_name(CONFIG))

    def _check(self):
        """Raises `InputError` unless every product has both factors and its tensor's shape."""
        if lost := sorted(key for key in self._factors if key not in self.shapes):
            raise InputError(
                f"adapts {few(lost)}, which the base model does not have",
                file=self.file,
                field="base_model_name_or_path",
                remedy="give the base that it was trained on",
            )
        for key, factors in self._factors.items():
            kinds = {kind.removeprefix("embedding_") for kind in factors}
            if kinds != {"A", "B"} or len(factors) != 2:
                raise InputError(f"{key} has one of two factors", file=self.file)
            a, b = self._shapes_of(factors)
            outputs, inputs = self.shapes[key]
            wanted = ((a[0], inputs), (outputs, a[0]))
            if "embedding_A" in factors:
                wanted = ((a[0], outputs), (inputs, a[0]))
            if (a, b) != wanted:
                raise InputError(
                    f"the factors of {key} are {list(a)} and {list(b)}, and it is "
                    f"{[outputs, inputs]}",
                    file=self.file,
                    remedy="give the base that it was trained on",
                )
            if a[0] != self._rank[key]:
                raise InputError(
                    f"{key} has rank {a[0]}, not {self._rank[key]}",
                    file=self.config_file,
                    field="r",
                )

    def _shapes_of(self, factors):
        return tuple(self._adapter.shapes[stored] for _, stored in sorted(factors.items()))

    def read(self, key, index):
        """A block of a tensor; in float32 where it is adapted."""
        if key in self._saved:
            block = self._adapter.read(self._saved[key], index)
        else:
            block = self._base.read(self._copies.get(key, key), index)
        if key not in self._factors:
            return block
        factors, (rows, columns) = self._factors[key], index
        a, b = (
            self._adapter.read(stored, (slice(None), slice(None))).astype(np.float32)
            for _, stored in sorted(factors.items())
        )
        if "embedding_A" in factors:
            a, b = b.T, a.T
        product = b[rows] @ a[:, columns]
        return block.astype(np.float32) + np.float32(self._scale[key]) * product


def refuse(config, file):
    """Raises `InputError` for an adapter of another kind than LoRA, or a LoRA that does more."""
    if (kind := config.get("peft_type")) != "LORA":
        raise InputError(
            f"adapters of kind {kind!r} are not supported",
            file=file,
            field="peft_type",
            remedy=MERGE_FIRST,
        )
    for field in REFUSED:
        if config.get(field):
            raise InputError(
                "this kind of LoRA is not supported", file=file, field=field, remedy=MERGE_FIRST
            )
    start = config.get("init_lora_weights", True)
    if start not in PLAIN_STARTS:
        raise InputError(
            f"{start!r} changes the base's weights when peft loads it",
            file=file,
            field="init_lora_weights",
            remedy=MERGE_FIRST,
        )
    if config.get("fan_in_fan_out"):
        logging.info("%s: fan_in_fan_out does not concern linear layers, as in peft", file)
