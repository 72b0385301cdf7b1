"""Uncertainty heads on the language models of a population, one a seed, trained one by one."""

import functools
import operator
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from prm_jax.data.places import listed_steps
from prm_jax.models.attention_features import n_features, token_features
from prm_jax.models.uncertainty_head import (
    UncertaintyHeadConfig,
    init_uncertainty_head,
    wrong_logits,
)
from prm_jax.progress import Progress
from prm_jax.records import Trajectory
from prm_jax.reproduce.population import SCORED_ROWS, Population
from prm_jax.reproduce.rows import by_trajectory, draw_order, pack_rows, pad_rows
from prm_jax.train.optimizer import make_optimizer
from prm_jax.train.uncertainty import head_inputs, head_step

INPUTS = ("tokens", "positions", "segment_ids")


def train(
    config,
    seeds: Sequence[int],
    models: Population,
    data: Sequence[Sequence[Trajectory]],
    progress: Progress,
) -> list[Any]:
    """Trains a head on the features of each model, which stays as it is.

    Args:
        config: `training` and `optimizer` as `population.train` takes them, `head` for
            `UncertaintyHeadConfig`, and `wrong_weight`, of a wrong step in the loss.
        seeds: of the parameters, the order of the data and the dropout.
        models: language models of these seeds.
        data: the labelled trajectories of each seed.
        progress: shows the updates.

    Returns:
        The parameters of the head of each seed.
    """
    head, training = UncertaintyHeadConfig(**config.head), config.training
    width = n_features(models.model.config, head.history, head.top_k)
    fresh = [init_uncertainty_head(jax.random.key(seed), head, width) for seed in seeds]
    optimizer, _ = make_optimizer(config.optimizer, fresh[0], training.updates)
    update = jax.jit(functools.partial(head_step, head, optimizer, config.wrong_weight))
    trained = []
    for place, (seed, params) in enumerate(zip(seeds, fresh, strict=True)):
        batch = pack_rows(data[place], training)
        features_RTF = _features(head, models, place, batch)
        state = {"params": params, "optimizer": optimizer.init(params)}
        progress.begin(f"training uncertainty head {place + 1}/{len(seeds)}", training.updates)
        for number, rows in enumerate(draw_order(seed, len(batch["tokens"]), training), start=1):
            inputs = head_inputs({name: x[rows] for name, x in batch.items()}, features_RTF[rows])
            key = jax.random.fold_in(jax.random.key(seed), number)
            state, _ = update(state, inputs, key)
            progress.update(number)
        trained.append(state["params"])
    return trained


def score(
    config, models: Population, heads: Sequence[Any], data: Sequence[Sequence[Trajectory]]
) -> list[list[np.ndarray]]:
    """Step logits of every trajectory, as `population.score` gives them.

    Args:
        config, models: as in `train`.
        heads: what it gave.
        data: for each seed its trajectories.
    """
    head = UncertaintyHeadConfig(**config.head)
    judge = jax.jit(functools.partial(wrong_logits, head))
    scored = []
    for place, (params, trajectories) in enumerate(zip(heads, data, strict=True)):
        batch = pack_rows(trajectories, models.training, supervise="nothing")
        features_RTF = _features(head, models, place, batch)
        logits_RS = np.zeros(batch["step_mask"].shape, np.float32)
        for rows in _parts(len(logits_RS)):
            part = {name: values[rows] for name, values in batch.items()}
            steps, places = listed_steps(part, part["step_mask"])
            wrong_N = np.asarray(judge(params, features_RTF[rows], part["segment_ids"], steps))
            logits_RS[rows][places] = -wrong_N[: len(places[0])]
        scored.append(by_trajectory(logits_RS, batch, len(trajectories)))
    return scored


def _features(head, models, place, batch):
    """Features of all tokens of rows, by the model of one seed: f32[R,T,F]."""
    params = jax.tree.map(operator.itemgetter(place), models.params)
    n_rows = len(batch["tokens"])
    parts = [
        _token_features(
            params,
            {name: pad_rows(batch[name][rows], SCORED_ROWS) for name in INPUTS},
            model=models.model,
            history=head.history,
            top_k=head.top_k,
        )
        for rows in _parts(n_rows)
    ]
    return np.concatenate(parts)[:n_rows]


def _parts(n_rows):
    """Slices of rows that are run at once."""
    return [slice(i, i + SCORED_ROWS) for i in range(0, n_rows, SCORED_ROWS)]


@functools.partial(jax.jit, static_argnames=("model", "history", "top_k"))
def _token_features(params, batch, *, model, history, top_k):
    return token_features(model, params, batch, history=history, top_k=top_k)
