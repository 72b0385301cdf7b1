"""From the configuration to a model with its parameters, the trained apart from the frozen."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import tokenizers

from prm_jax.errors import InputError
from prm_jax.models import (
    PRESETS,
    Decoder,
    HeadConfig,
    abstract_params,
    check_experts,
    combine,
    from_paths,
    init_head,
    init_lora,
    init_params,
    keep_lower_layers,
    param_shardings,
    partition,
    paths,
    resegment,
)
from prm_jax.models.tree import ADAPTERS
from prm_jax.text import Tokenizer
from prm_jax.text.convention import convention as read_convention
from prm_jax.weights import load_model
from prm_jax.weights.artifacts import source_of
from prm_jax.weights.load import find

RANDOM = "random:"
VOCABULARY_MULTIPLE = 64  # an embedding that grows stays divisible among devices


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A model ready to be trained.

    Fields:
        model: `Decoder` with its head, segmented where lower layers are frozen.
        tokenizer: `Tokenizer` with its convention set.
        params: nested dict of what is trained.
        frozen: nested dict of the rest.
    """

    model: Decoder
    tokenizer: Tokenizer
    params: Any
    frozen: Any


def model_files(name) -> dict | None:
    """What a run's record says of the files that its model comes from; None of a random one."""
    return None if name.startswith(RANDOM) else source_of(find(name))


def make_backbone(config, mesh) -> Backbone:
    """Loads or makes the model that a configuration names.

    Args:
        config: as `train.config.default_config` describes it.
        mesh: mesh of the run; parameters come spread over it.

    Returns:
        `Backbone`; the same for the same configuration and files.

    Raises:
        InputError: for names, heads, layers or patterns that do not exist.
    """
    body_key, grow_key, head_key, lora_key = jax.random.split(jax.random.key(config.seed), 4)
    name = config.model.name
    if name.startswith(RANDOM):
        model, params, tokenizer = _random_model(name.removeprefix(RANDOM), body_key, mesh)
    else:
        model, params, tokenizer = load_model(name, mesh=mesh)
    if config.model.keep_layers != -1:
        model, params = keep_layers(config.model.keep_layers, model, params)
    tokenizer.convention = read_convention(config.data.convention or tokenizer.convention or "trl")
    if tokenizer.convention.marker == "added_token":
        tokenizer.add_special_token(tokenizer.convention.marker_text)
    model, params = grow_embedding(grow_key, model, params, tokenizer.vocab_size, mesh)
    tokenizer.embedding_rows = model.config.vocab_size
    if config.model.head.kind:
        head = _head_config(config.model.head, tokenizer)
        fresh = init_head(head_key, head, model.config.d_model)
        params = {key: leaf for key, leaf in params.items() if key != "head"}
        if fresh:
            params["head"] = jax.device_put(fresh, param_shardings({"head": fresh}, mesh)["head"])
        model = model.clone(head=head)
    segments, patterns = _frozen_layers(config.model.train_layers, model.config)
    params = resegment(params, segments)
    model = model.clone(
        segments=segments,
        dtype=config.model.dtype,
        remat=config.model.remat,
        attention=config.model.attention,
    )
    patterns = [p for p in patterns if any(name.startswith(p[1:]) for name in paths(params))]
    trained, frozen = partition(params, [*patterns, *config.model.freeze])
    if config.model.lora.rank:
        trained, frozen = _with_adapters(lora_key, trained, frozen, config.model.lora, mesh)
    if not trained:
        raise InputError("every parameter is frozen", field="model.freeze")
    return Backbone(model, tokenizer, trained, frozen)


def grow_embedding(key, model, params, vocab_size, mesh):
    """Adds rows to the embedding, and columns to a free unembedding, for tokens that were added.

    New entries are the mean of the old ones plus noise of a hundredth of their spread, so that a
    new token starts in the middle and not at a place of its own making.

    Args:
        key: PRNG key.
        model: `Decoder`.
        params: its parameters.
        vocab_size: number of tokens to have room for.
        mesh: mesh of the run.

    Returns:
        `(model, params)`; unchanged if there is room already.
    """
    if vocab_size <= model.config.vocab_size:
        return model, params
    size = -(-vocab_size // VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE
    extra = size - model.config.vocab_size

    def grow(table, axis):
        mean = jnp.mean(table, axis=axis, keepdims=True)
        shape = list(table.shape)
        shape[axis] = extra
        noise = jax.random.normal(key, shape, table.dtype) * jnp.std(table) / 100
        return jnp.concatenate([table, mean + noise], axis=axis)

    params = {**params, "embed": {"embedding": grow(params["embed"]["embedding"], 0)}}
    if "unembed" in params:
        params["unembed"] = {"kernel": grow(params["unembed"]["kernel"], 1)}
    config = dataclasses.replace(model.config, vocab_size=size)
    return model.clone(config=config), jax.device_put(params, param_shardings(params, mesh))


def byte_tokenizer() -> Tokenizer:
    """A tokenizer of 256 ids, one a byte, for models without a vocabulary of their own."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {byte: index for index, byte in enumerate(alphabet)}
    backend = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, []))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = tokenizers.decoders.ByteLevel()
    return Tokenizer(backend)


def keep_layers(n_layers, model, params):
    """The model without the layers above its bottom `n_layers`.

    Args:
        n_layers: from 1 to all.
        model: `Decoder`. params: its parameters.

    Returns:
        `(model, params)`.

    Raises:
        InputError: it has not so many layers.
    """
    architecture = model.config
    if not 1 <= n_layers <= architecture.n_layers:
        raise InputError(
            f"{n_layers} of {architecture.n_layers} layers cannot be kept",
            field="model.keep_layers",
            remedy="-1 keeps everything",
        )
    n_blocks = whole_periods(n_layers, architecture, "model.keep_layers")
    architecture = dataclasses.replace(
        architecture, n_layers=n_layers, layer_types=architecture.layer_types[:n_layers]
    )
    return model.clone(config=architecture), keep_lower_layers(params, n_blocks)


def whole_periods(n_layers, architecture, field):
    """How many periods so many layers are.

    Raises:
        InputError: they end within one.
    """
    period = architecture.period
    if n_layers % period:
        raise InputError(
            f"{n_layers} is not a multiple of {period}, the layers that are stacked together",
            field=field,
            remedy=f"choose {n_layers // period * period} or {-(-n_layers // period) * period}",
        )
    return n_layers // period


def _random_model(preset, key, mesh):
    if preset not in PRESETS:
        raise InputError(
            f"unknown preset {preset!r}",
            field="model.name",
            remedy=f"known are {', '.join(PRESETS)}",
        )
    architecture = PRESETS[preset]
    check_experts(architecture.n_experts, mesh)
    shardings = param_shardings(abstract_params(architecture), mesh)
    init = jax.jit(lambda key: init_params(key, architecture), out_shardings=shardings)
    return Decoder(architecture), init(key), byte_tokenizer()


def _head_config(config, tokenizer):
    common = dict(reading=config.reading, gate=config.gate)
    if config.kind != "two_token":
        return HeadConfig(config.kind, config.n_classes, config.bias, **common)
    ids = {}
    for role in ("positive", "negative"):
        tokens = tokenizer.encode(config[role])
        if len(tokens) != 1:
            raise InputError(
                f"{config[role]!r} is {len(tokens)} tokens of this tokenizer, not one",
                field=f"model.head.{role}",
            )
        ids[f"{role}_id"] = tokens[0]
    return HeadConfig("two_token", **ids, **common)


def _frozen_layers(train_layers, architecture):
    """`(segments, patterns)` so that the top layers are trained, and nothing below them."""
    n_layers = architecture.n_layers
    if not -1 <= train_layers <= n_layers:
        raise InputError(
            f"{train_layers} of {n_layers} layers cannot be trained",
            field="model.train_layers",
            remedy="-1 trains everything",
        )
    if train_layers == -1:
        return (), []
    patterns = ["^embed/", "^unembed/"]
    if train_layers == n_layers:
        return (), patterns
    trained = whole_periods(train_layers, architecture, "model.train_layers")
    segments = (architecture.n_blocks - trained, trained) if trained else ()
    return segments, [*patterns, "^layers_0/"]


def _with_adapters(key, trained, frozen, config, mesh):
    """Adapters on the kernels that would be trained; only they and the head are trained instead."""
    targets = tuple(config.targets) or None
    layers = {name: leaf for name, leaf in trained.items() if name.startswith("layers_")}
    adapters = init_lora(key, layers, config.rank, config.alpha, targets)
    scales = {p: leaf for p, leaf in paths(adapters).items() if p.endswith("/scale")}
    learned = {p: leaf for p, leaf in paths(adapters).items() if p not in scales}
    head = {name: leaf for name, leaf in trained.items() if name == "head"}
    body = {name: leaf for name, leaf in trained.items() if name != "head"}
    placed = [
        jax.device_put(tree, param_shardings(tree, mesh))
        for tree in ({ADAPTERS: from_paths(learned)}, {ADAPTERS: from_paths(scales)})
    ]
    return {**placed[0], **head}, combine(combine(frozen, body), placed[1])
