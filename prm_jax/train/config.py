"""The configuration of a training run: every key, its default and its meaning."""

import json

from ml_collections import ConfigDict

from prm_jax.config_files import flatten, from_record
from prm_jax.data.sources import check_sources
from prm_jax.errors import InputError
from prm_jax.text.convention import convention as read_convention
from prm_jax.train.ranges import check_values

# Keys that may differ when a run is continued: they change neither the data nor the updates.
MAY_CHANGE = frozenset(
    {
        "checkpoint_every",
        "checkpoints_to_keep",
        "eval_every",
        "log_every",
        "mesh.data",
        "mesh.expert",
        "mesh.fsdp",
        "mesh.sequence",
        "mesh.tensor",
        "compilation_cache",
        "model.feature_cache",
        "tensorboard",
    }
)


def default_config() -> ConfigDict:
    """A configuration that trains a scalar step head and the whole model.

    Returns:
        ConfigDict whose keys are fixed; a file in `configs/` changes values.
    """
    config = ConfigDict()
    config.seed = 0  # of everything random in the run
    config.objective = "bce"  # a name in objectives.OBJECTIVES
    config.objective_options = ""  # its hyperparameters as a JSON object, such as {"margin": 2}
    config.steps = 0  # number of updates; 0 derives it from `epochs`
    config.epochs = 1  # passes over the data, when `steps` is 0
    config.reference = "cached"  # of implicit objectives: cached (a number a step, from before the
    # first update) or params (the initial parameters stay in memory)
    config.microbatches = 1  # parts a batch is run in; the result is that of the whole batch

    config.model = model = ConfigDict()
    model.name = "smollm2-135m"  # as `load_model` takes it, or random:PRESET for a fresh model
    model.dtype = "float32"  # of the computation; parameters and optimizer stay float32
    model.remat = "dots"  # what the backward pass recomputes: none, dots (all but matmuls), full
    model.attention = "auto"
    model.keep_layers = -1  # use only the bottom so many layers of the backbone; -1 is all
    model.train_layers = -1  # train the top so many layers (and final norm and head); -1 is all
    model.freeze = ()  # path regexes of further parameters to freeze
    model.feature_cache = ""  # directory where the states below the trained layers are kept, so
    # that frozen layers run once and not in every epoch and run; '' is off
    model.feature_dtype = "float16"  # of that file; float32 loses nothing
    model.head = head = ConfigDict()
    head.kind = (
        "scalar"  # scalar, linear, mlp, two_token, easy_to_hard; '' keeps the head the model has
    )
    head.n_classes = 1
    head.bias = True
    head.reading = "classes"  # classes, first, ratings: what the logits are (models/heads.py)
    head.gate = False  # read steps in both directions and learn to mix the two
    head.positive = "+"  # tokens of a two_token head
    head.negative = "-"
    model.lora = lora = ConfigDict()
    lora.rank = 0  # 0 is no adapters; with adapters only they and the head are trained
    lora.alpha = 16.0
    lora.targets = ()  # path regexes; () is every attention and mlp kernel but experts

    config.data = data = ConfigDict()
    data.train = ""  # sources, see prm_jax/data/sources.py; array_record files stay on the disk and
    # are streamed, with `steps` set
    data.validation = ""
    data.validation_fraction = 0.0  # share of the problems held out when `validation` is ''
    data.validation_limit = 1000  # most held-out trajectories of each streamed source
    data.format = "auto"  # of file sources; a source may override these three
    data.after_error = "keep"  # keep, truncate, zero, mask
    data.neutral = ""  # reading of neutral ratings where a format has them; '' is its default
    data.convention = ""  # how steps are marked: a name in text.CONVENTIONS, or fields as a JSON
    # object, the rest as in the convention of that name; '' is the model's own, or trl
    data.skip_bad = False  # leave bad rows out and write them to WORKDIR/rejects/, instead of
    # stopping at the first
    data.unlabelled = "error"  # a trajectory without a label to learn from: error or drop
    data.max_length = 512  # tokens of a trajectory; the rest is cut at a step and reported
    data.rows = 8  # B, rows of a batch over all devices
    data.readers = 1  # parts of the data that are packed apart, each into rows / readers rows of a
    # batch; several processes read and encode streamed data once, and not each all of it, if this
    # is a multiple of their number
    data.row_length = 512  # T
    data.max_steps = 64  # S, steps a row can hold
    data.shuffle = True

    config.optimizer = optimizer = ConfigDict()
    optimizer.learning_rate = 1e-5
    optimizer.warmup_steps = 0.05  # a number of updates, or below 1 a fraction of the run
    optimizer.decay = "cosine"  # cosine, linear, constant
    optimizer.final_fraction = 0.0  # of the peak, at the end of the decay
    optimizer.b1 = 0.9
    optimizer.b2 = 0.98
    optimizer.eps = 1e-8
    optimizer.weight_decay = 0.01  # not on norms and biases
    optimizer.clip_norm = 1.0  # of the whole gradient; 0 is off
    optimizer.groups = ()  # ((path regex, factor on the learning rate), ...), first match counts

    config.bilevel = bilevel = ConfigDict()  # learnt weights of the sources of `data.train`
    bilevel.meta = ""  # sources of solutions with trusted outcomes to judge by; '' is off
    bilevel.method = "finite_difference"  # or unrolled: how the gradient of the weights is found
    bilevel.unroll = 5  # updates of the model to one of the weights
    bilevel.inner_learning_rate = 0.01  # of the gradient descent that the weights are judged by
    bilevel.learning_rate = 0.01  # of the weights' AdamW
    bilevel.weight_decay = 0.0

    config.mesh = mesh = ConfigDict()
    mesh.data = -1  # replicas; -1 takes the devices that are left
    mesh.expert = 1  # experts of a sparse mlp split, and the batch with them
    mesh.fsdp = 1  # parameters and batch split
    mesh.sequence = 1  # tokens of a row split, see docs/long_contexts.md
    mesh.tensor = 1  # heads and mlp width split

    config.log_every = 1
    config.eval_every = 100  # updates; the end of the run is always evaluated; 0 is the end only
    config.checkpoint_every = 100  # updates; the end of the run is always saved
    config.checkpoints_to_keep = 2
    config.tensorboard = True
    config.compilation_cache = ""  # directory for compiled programs; '' leaves jax's own setting
    return config.lock()


def check(config: ConfigDict):
    """Raises `InputError` for values that no run can have."""
    check_values(flatten(config))
    if not (config.steps or config.epochs):
        raise InputError("neither steps nor epochs is set", field="steps")
    if not config.data.train:
        raise InputError(
            "no training data", field="data.train", remedy="give --config.data.train=PATH"
        )
    check_lengths(config.data)
    if config.data.rows % config.microbatches:
        raise InputError(
            f"{config.data.rows} rows cannot be split into {config.microbatches} microbatches",
            field="microbatches",
        )
    if config.reference not in ("cached", "params"):
        raise InputError(
            f"unknown reference {config.reference!r}",
            field="reference",
            remedy="cached or params",
        )
    if config.bilevel.meta:
        _check_bilevel(config)
    if config.model.dtype not in ("float32", "bfloat16"):
        raise InputError(
            f"unknown dtype {config.model.dtype!r}",
            field="model.dtype",
            remedy="float32 or bfloat16",
        )


def check_data(data: ConfigDict, *others: str) -> None:
    """Raises `InputError` for data that can be refused before a model is loaded.

    Args:
        data: the part `data` of a configuration.
        *others: further sources.
    """
    if data.convention:
        read_convention(data.convention)
    defaults = {name: data[name] for name in ("format", "after_error") if name in data}
    check_sources(data.train, data.validation, *others, defaults=defaults)


def check_lengths(data: ConfigDict):
    """Raises `InputError` if a trajectory may be longer than a row."""
    if data.max_length > data.row_length:
        raise InputError(
            f"{data.max_length} is more than a row of {data.row_length}",
            field="data.max_length",
            remedy="lower it or raise data.row_length",
        )


def _check_bilevel(config):
    bilevel = config.bilevel
    if bilevel.method not in ("finite_difference", "unrolled"):
        raise InputError(
            f"unknown method {bilevel.method!r}",
            field="bilevel.method",
            remedy="finite_difference or unrolled",
        )
    if config.microbatches > 1:
        raise InputError(
            "batches are not split where weights of sources are learnt", field="microbatches"
        )
    if config.model.feature_cache:
        raise InputError(
            "states are not cached where weights of sources are learnt", field="model.feature_cache"
        )
    if config.model.dtype != "float32" and bilevel.method == "finite_difference":
        raise InputError(
            f"finite differences are lost in {config.model.dtype}",
            field="bilevel.method",
            remedy="unrolled",
        )


def to_json(config: ConfigDict) -> dict:
    """The resolved configuration as JSON has it: tuples are lists."""
    return json.loads(json.dumps(config.to_dict()))


def from_json(values: dict, file=None) -> ConfigDict:
    """The inverse of `to_json`; keys that a newer version knows get their default.

    Args:
        values: the JSON object.
        file: where it comes from, for messages.

    Raises:
        InputError: they are no configuration of a run, or a value is of another type.
    """
    return from_record(values, default_config(), file, open=("",))


def differences(old: dict, new: dict) -> list[str]:
    """Differences between two configurations that forbid continuing one with the other.

    Args:
        old, new: as `to_json` gives them.

    Returns:
        One text a difference, such as 'data.rows: 8 before, 16 now'; empty if there is none.
    """
    before, now = flatten(old), flatten(new)
    keys = sorted((set(before) | set(now)) - MAY_CHANGE)
    return [
        f"{key}: {before.get(key)!r} before, {now.get(key)!r} now"
        for key in keys
        if before.get(key) != now.get(key)
    ]
