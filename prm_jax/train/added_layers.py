"""What runs have in common that train layers on top of a model that stays as it is.

The state is saved at the end of every epoch, and the same call goes on from there with the numbers
it would have had.
"""

import json
from collections.abc import Callable
from pathlib import Path

import flax.serialization
import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from prm_jax.data.corpus import Corpus, read_trajectories
from prm_jax.data.pipeline import batches, count_batches
from prm_jax.errors import InputError
from prm_jax.evaluate.step_metrics import auroc
from prm_jax.files import atomic_write
from prm_jax.progress import Progress
from prm_jax.provenance import code_version
from prm_jax.ranges import COUNT, DEPTH, SEED, WIDTH, Range
from prm_jax.train import config as config_lib
from prm_jax.train.ranges import RANGES as TRAINING
from prm_jax.train.ranges import RATE, check_values

STATE = "state.msgpack"
EPOCHS = Range(1, 10**6)
RANGES = {
    **{key: TRAINING[key] for key in TRAINING if key.startswith(("data.", "optimizer."))},
    "seed": SEED,
    "epochs": EPOCHS,
    "wrong_weight": RATE,
    "head.history": COUNT,
    "head.top_k": COUNT,
    "head.d_model": WIDTH,
    "head.n_layers": DEPTH,
    "head.n_heads": WIDTH,
    "head.d_ff": WIDTH,
    "head.dropout": Range(0, 1, below=True),
}
"""Of the numbers of all such runs."""


def default_config() -> ConfigDict:
    """The keys that all such runs have; those of `optimizer` are those of `train.config`.

    Returns:
        ConfigDict that takes further keys.
    """
    config = ConfigDict()
    config.seed = 0  # of the parameters, the order of the data and the dropout
    config.epochs = 10
    config.model = "smollm2-135m"  # the frozen one, as `load_model` takes it
    config.dtype = "float32"  # of the frozen model
    config.features = ""  # directory where what it gives is kept; '' is WORKDIR/features
    config.data = data = ConfigDict()
    data.train = ""  # sources, see prm_jax/data/sources.py
    data.validation = ""
    data.validation_fraction = 0.0  # share of the problems held out when `validation` is ''
    data.after_error = "keep"  # keep, truncate, zero, mask
    data.unlabelled = "error"  # a trajectory without a label to learn from: error or drop
    data.convention = ""  # how steps are marked; '' is the model's own, or trl
    data.max_length = 512  # tokens of a trajectory
    data.rows = 16  # B, rows of a batch
    data.row_length = 512  # T
    data.max_steps = 64  # S, steps a row can hold
    config.optimizer = config_lib.default_config().optimizer
    return config


def check(config: ConfigDict) -> None:
    """Raises `InputError` for values that no such run can have."""
    check_values(config_lib.flatten(config), RANGES)
    config_lib.check_lengths(config.data)


def read_groups(data):
    """The data of a run: `(kept, held_out)` as `data.corpus.read_trajectories` gives them."""
    fraction = 0.0 if data.validation else data.validation_fraction
    options = {"after_error": data.after_error}
    kept, held_out = read_trajectories(data.train, defaults=options, validation_fraction=fraction)
    if data.validation:
        held_out, _ = read_trajectories(data.validation, defaults=options)
    return kept, held_out


def count_epochs(config, corpus: Corpus) -> list[int]:
    """Number of batches of each epoch.

    Raises:
        InputError: a trajectory is larger than a row.
    """
    return [
        count_batches(corpus, *_shape(config.data), seed=config.seed + epoch, epochs=1)
        for epoch in range(config.epochs)
    ]


def run_epochs(
    path, config, corpus: Corpus, state, history, made_from, *, update, judge, show: Progress
):
    """Trains for the epochs that are left.

    Args:
        path: file that gets the state after each of them.
        config: `seed`, `epochs` and `data` are read.
        corpus: what is learnt from.
        state, history, made_from: as `restore` gives and takes them.
        update: `(state, batch, number of the update, from 1) -> (state, metrics)`, a dict of f32[]
            with 'loss' and 'weight'.
        judge: state to what an epoch's entry says of held-out data, a dict.
        show: told of the progress.

    Returns:
        `(state, history)`, an entry an epoch with the metrics' means by weight.
    """
    totals = count_epochs(config, corpus)
    for epoch in range(len(history), config.epochs):
        show.begin(f"epoch {epoch + 1} of {config.epochs}", totals[epoch])
        found: list[dict] = []
        stream = batches(corpus, *_shape(config.data), seed=config.seed + epoch, epochs=1)
        for number, batch in enumerate(stream, start=1):
            state, metrics = update(state, batch, sum(totals[:epoch]) + number)
            found.append({name: float(value) for name, value in metrics.items()})
            show.update(number, numbers=f"loss {found[-1]['loss']:.3f}")
        weights = [metrics.pop("weight") for metrics in found]
        means = {
            name: float(np.average([metrics[name] for metrics in found], weights=weights))
            for name in found[0]
        }
        history = [*history, means | judge(state)]
        known = {name: value for name, value in history[-1].items() if value is not None}
        words = ", ".join(f"{name} {value:.4f}" for name, value in known.items())
        show.say(f"epoch {epoch + 1}: {words}")
        save(path, state, made_from, history)
    return state, history


def held_out_auroc(score: Callable, corpus: Corpus, data) -> float | None:
    """AUROC of the labelled steps of held-out trajectories; None if all have one label.

    Args:
        score: batch to the scores and the labels, f32[N], of its labelled steps.
        corpus: the trajectories.
        data: `config.data`, for the shape of the batches.
    """
    scores, labels = zip(*(score(batch) for batch in batches(corpus, *_shape(data))))
    found = float(auroc(np.concatenate(scores), np.concatenate(labels))[0])
    return None if np.isnan(found) else found


def origin(config, corpus: Corpus, model_fingerprint: str, **more) -> dict:
    """What a run's numbers come from, JSON-able: its `made_from`."""
    values = config_lib.to_json(config)
    return {
        "config": {key: value for key, value in values.items() if key != "features"},
        "data_fingerprint": corpus.fingerprint,
        "model_fingerprint": model_fingerprint,
        **more,
    }


def record_of(config, made_from: dict, convention, history) -> dict:
    """What is saved with layers: where they come from, and what they have to be read with."""
    return {
        **made_from,
        "model": config.model,
        "dtype": config.dtype,
        "convention": convention.to_dict(),
        "epochs": history,
        "code": code_version(),
    }


def restore(path, state, made_from: dict):
    """The state as an earlier call left it, or of a beginning.

    Args:
        path: file of the state.
        state: of a beginning.
        made_from: JSON-able; what the state depends on.

    Returns:
        `(state, history)`.

    Raises:
        InputError: the file is of a run that was made from something else.
    """
    path = Path(path)
    if not path.is_file():
        return state, []
    kept = flax.serialization.msgpack_restore(path.read_bytes())
    about = json.loads(kept["about"])
    if different := config_lib.differences(about["made_from"], made_from):
        raise InputError(
            f"holds a run that began otherwise: {'; '.join(different)}",
            file=path.parent,
            remedy="use a new workdir, or the old configuration, data and model",
        )
    state = flax.serialization.from_state_dict(state, kept["state"])
    return jax.tree.map(jnp.asarray, state), about["history"]


def save(path, state, made_from: dict, history: list[dict]) -> None:
    """Writes what `restore` reads."""
    about = json.dumps({"made_from": made_from, "history": history})
    kept = {"about": about, "state": flax.serialization.to_state_dict(jax.device_get(state))}
    with atomic_write(path, "wb") as file:
        file.write(flax.serialization.msgpack_serialize(kept))


def _shape(data):
    return data.rows, data.row_length, data.max_steps
