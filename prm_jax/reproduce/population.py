"""Small models trained from scratch, one a seed, side by side.

Every seed has its own data, order of data and initial parameters, and nothing of one seed enters
another: the updates of `train.step.train_step` are mapped over the seeds (`jax.vmap`), so that a
seed gets the model it would get alone. Arms of a study that are compared share all three.

Shape letters as everywhere, and P for seeds, R for rows of packed trajectories.
"""

import dataclasses
import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from prm_jax.calibration.features import packed_features
from prm_jax.models import (
    Decoder,
    DecoderConfig,
    HeadConfig,
    Rope,
    init_lora,
    init_params,
    partition,
)
from prm_jax.models.tree import ADAPTERS
from prm_jax.objectives import Objective
from prm_jax.objectives import check as check_objective
from prm_jax.progress import Progress
from prm_jax.records import Trajectory
from prm_jax.reproduce.rows import (
    by_trajectory,
    draw_order,
    pack_rows,
    pad_rows,
    stack_seeds,
    with_second,
)
from prm_jax.train.config import default_config as default_training
from prm_jax.train.optimizer import make_optimizer
from prm_jax.train.state import TrainState, create_state, model_params, with_reference
from prm_jax.train.step import eval_step, head_logits, train_step

SCALAR = HeadConfig("scalar")
UPDATES_PER_CALL = 50  # compiled as one loop, so that Python costs nothing
SCORED_ROWS = 64  # of each seed at once


def default_config() -> ConfigDict:
    """The model and the training that studies start from; every size is a key.

    Returns:
        ConfigDict with `model`, `training` and `optimizer`, locked; a study's configuration adds
        the sizes of its data.
    """
    config = ConfigDict()
    config.model = model = ConfigDict()
    model.d_model = 32
    model.n_layers = 2
    model.n_heads = 4
    model.d_ff = 128
    model.window = 7  # tokens that each layer but the last sees: a step and the number before it.
    # Without it a model of this size takes far longer to find out where to look.
    config.training = training = ConfigDict()
    training.updates = 1000
    training.rows = 24  # of an update, for each seed
    training.row_length = 64  # tokens, of one or more trajectories
    training.max_steps = 24  # that a row can hold
    training.convention = "last_token"
    config.optimizer = optimizer = default_training().optimizer
    with optimizer.unlocked():
        optimizer.learning_rate = 1e-2
        optimizer.warmup_steps = 0.1
        optimizer.weight_decay = 0.01
    return config.lock()


@dataclasses.dataclass(frozen=True)
class Population:
    """Models of the same architecture, one a seed.

    Fields:
        model: `Decoder` with its head.
        objective: `Objective` they were trained with, which says what their step logits are.
        params: its parameter tree, leaves [P, ...]. frozen: the reference's, where there is one.
        training: `config.training` they were trained under.
        metrics: of the last updates, by name f64[P].
    """

    model: Decoder
    objective: Objective
    params: Any
    frozen: Any
    training: ConfigDict
    metrics: dict[str, np.ndarray]


def train(
    config: ConfigDict,
    seeds: Sequence[int],
    data: Sequence[Sequence[Trajectory]],
    *,
    objective: str,
    options: str = "",
    head: HeadConfig | None = SCALAR,
    initial: "Population | None" = None,
    rank: int | None = None,
    update_fn: Callable = train_step,
    second: Sequence[Sequence[Trajectory]] | None = None,
    domains: Any = None,
    progress: Progress,
    name: str = "",
) -> Population:
    """Trains one model a seed.

    Args:
        config: with `model`, `training` and `optimizer` as `default_config` has them.
        seeds: of the initial parameters and the order of the data.
        data: the trajectories of each seed.
        objective: a name in `objectives.OBJECTIVES`.
        options: its hyperparameters as a JSON object.
        head: of the models; None trains a language model.
        initial: models to start from, of the same seeds, with this head or none, for a fresh one;
            None starts from fresh parameters. Objectives with a reference have what they start
            from as theirs.
        rank: of adapters that are trained, with the head, in place of all other parameters; None
            trains everything and has no adapters.
        update_fn: another than `train.step.train_step`, called like it.
        second: trajectories of each seed, labelled by outcomes, of which `update_fn` finds rows
            beside those of `data` (see `data.paired`).
        domains: of the initial states (`TrainState`).
        progress: shows the updates.
        name: of the arm, shown there.

    Returns:
        `Population`; that of a seed does not depend on the other seeds.

    Raises:
        InputError: an objective that does not fit the head, or trajectories longer than a row.
    """
    chosen = check_objective(objective, head, options)
    # A layer after the other without a loop: faster, for so few.
    segments = (1,) * config.model.n_layers
    model = Decoder(_architecture(config.model), head, segments, attention="xla")
    training = config.training
    packed = [
        pack_rows(trajectories, training, chosen.supervise, chosen.unit) for trajectories in data
    ]
    if second is not None:
        others = [pack_rows(trajectories, training, "outcome") for trajectories in second]
        packed = [with_second(*pair) for pair in zip(packed, others, strict=True)]
    orders = [draw_order(seed, len(p["tokens"]), training) for seed, p in zip(seeds, packed)]
    order_UPB, batches = np.stack(orders, axis=1), stack_seeds(packed)
    params = _initial(seeds, model)
    if initial is not None:
        params = {**params, **initial.params}
    params = [jax.tree.map(operator.itemgetter(place), params) for place in range(len(seeds))]
    kept: list[Any] = [{} for _ in seeds]
    if rank is not None:
        adapted = [_with_adapters(*of, rank) for of in zip(seeds, params, strict=True)]
        params, kept = (list(parts) for parts in zip(*adapted))
    if "reference_BS" in chosen.needs:
        kept = [with_reference(*of) for of in zip(params, kept, strict=True)]
    optimizer, _ = make_optimizer(config.optimizer, params[0], training.updates)
    states = [create_state(*of, optimizer, domains) for of in zip(params, kept, strict=True)]
    states = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
    one_update = functools.partial(update_fn, model=model, objective=chosen, optimizer=optimizer)

    progress.begin(f"training {name or objective}", training.updates)
    states, metrics = make_updates(one_update, states, batches, order_UPB, progress)
    last = {key: np.asarray(value, np.float64) for key, value in metrics.items()}
    return Population(model, chosen, states.params, states.frozen, training, last)


def make_updates(one_update: Callable, states, batches, order_UPB, progress: Progress):
    """Makes all updates of all seeds.

    Args:
        one_update: `(state, batch)` of one seed to its next state and the update's metrics.
        states: of all seeds, leaves [P, ...].
        batches: rows of each seed, leaves [P, R, ...].
        order_UPB: i32[U,P,B], rows of each update.
        progress: shows the updates.

    Returns:
        `(states, metrics)`: the last states, and means over the last updates by name f32[P].
    """

    @functools.partial(jax.jit, compiler_options=_compiler_options())
    def run(states, batches, order_KPB):
        def update(states, order_PB):
            return jax.vmap(one_update)(states, jax.vmap(_drawn)(batches, order_PB))

        states, metrics = jax.lax.scan(update, states, order_KPB)
        return states, jax.tree.map(lambda x: x.mean(0), metrics)

    metrics = {}
    calls = len(order_UPB) // math.gcd(len(order_UPB), UPDATES_PER_CALL)
    for order_KPB in np.split(order_UPB, calls):
        states, metrics = run(states, batches, order_KPB)
        progress.update(int(states.step[0]), numbers=f"loss {np.mean(metrics['loss']):.3f}")
    return states, metrics


def _drawn(batch, rows_B):
    return jax.tree.map(lambda x: x[rows_B], batch)


def score(
    population: Population, data: Sequence[Sequence[Trajectory]], every_class: bool = False
) -> list[list[np.ndarray]]:
    """Step logits of every trajectory, by the model of its seed.

    Args:
        population: P models.
        data: for each of them its trajectories; labels are not read.
        every_class: whether to give the logits of all of the head's classes.

    Returns:
        For each seed and trajectory f32[S], the log-odds that each step is right: of implicit
        rewards the cumulative ones, of a language model the log-probability of the step. With
        `every_class` f32[S,C], the head's logits.
    """
    made_for = dict(model=population.model, objective=None if every_class else population.objective)
    return _of_steps(population, data, functools.partial(_step_logits, **made_for))


def features(
    population: Population, data: Sequence[Sequence[Trajectory]]
) -> list[list[np.ndarray]]:
    """Features of every step, by the model of its seed: what `calibration.step_features` gives.

    Args:
        population, data: as in `score`.

    Returns:
        For each seed and trajectory f32[S,2D].
    """
    return _of_steps(population, data, functools.partial(_features, model=population.model))


def _of_steps(population, data, function):
    """What a function of the parameters and packed rows of all seeds gives for their steps."""
    unit = "directions" if population.objective.unit == "directions" else "trajectory"
    options = dict(supervise="nothing", unit=unit)
    packed = [pack_rows(of_seed, population.training, **options) for of_seed in data]
    batches = stack_seeds(packed)
    n_rows = batches["tokens"].shape[1]
    whole = -(-n_rows // SCORED_ROWS) * SCORED_ROWS
    batches = {name: pad_rows(values, whole, axis=1) for name, values in batches.items()}
    parts = []
    for i in range(0, n_rows, SCORED_ROWS):
        part = {name: values[:, i : i + SCORED_ROWS] for name, values in batches.items()}
        parts.append(np.asarray(function(population.params, population.frozen, part)))
    values_PRS = np.concatenate(parts, axis=1)
    return [
        by_trajectory(values_RS[: len(batch["tokens"])], batch, len(trajectories))
        for trajectories, values_RS, batch in zip(data, values_PRS, packed, strict=True)
    ]


@functools.partial(jax.jit, static_argnames="model")
def _features(params, frozen, batch, *, model):
    def one(params, frozen, batch):
        return packed_features(model, model_params(params, frozen), batch)

    return jax.vmap(one)(params, frozen, batch)


@functools.partial(jax.jit, static_argnames=("model", "objective"))
def _step_logits(params, frozen, batch, *, model, objective):
    def one(params, frozen, batch):
        if objective is None:
            return head_logits(model, model_params(params, frozen), batch)
        state = TrainState(jnp.int32(0), params, frozen, ())
        return eval_step(state, batch, model=model, objective=objective)["step_logits"]

    return jax.vmap(one)(params, frozen, batch)


def _initial(seeds, model):
    """Fresh parameters of each seed, leaves [P, ...]."""

    return _drawing(model)(np.asarray(seeds, np.uint32))


@functools.cache
def _drawing(model):
    """Draws parameters of many seeds; the arms of a study begin with the same program."""

    def one(seed):
        return init_params(jax.random.key(seed), model.config, model.head, model.segments)

    return jax.jit(jax.vmap(one), compiler_options=_compiler_options())


def _compiler_options():
    """On CPU, a quarter of the compilation's time is saved and models this small run no slower."""
    if jax.default_backend() != "cpu" or jax.config.values["jax_disable_most_optimizations"]:
        return None
    return {"xla_backend_optimization_level": 1}


def _with_adapters(seed, params, rank):
    """What is trained and what is not of a model with adapters on all kernels of its layers."""
    adapters = init_lora(jax.random.key(seed), params, rank, alpha=rank)
    not_trained = [f"^(?!head/|{ADAPTERS}/)", f"^{ADAPTERS}/.*/scale$"]
    return partition({**params, ADAPTERS: adapters}, not_trained)


def _architecture(sizes):
    """A small decoder that reads bytes."""
    return DecoderConfig(
        family="qwen2",
        vocab_size=256,
        d_model=sizes.d_model,
        n_layers=sizes.n_layers,
        n_heads=sizes.n_heads,
        n_kv_heads=sizes.n_heads,
        head_dim=sizes.d_model // sizes.n_heads,
        d_ff=sizes.d_ff,
        qkv_bias=True,
        sliding_window=sizes.window,
        layer_types=("sliding",) * (sizes.n_layers - 1) + ("full",),
        rope=Rope(theta=100.0),  # wavelengths of a few steps, not of a long text
    )
