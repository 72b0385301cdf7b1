"""The training step and the evaluation step: pure functions of state and batch."""

import jax
import jax.numpy as jnp
import optax

from prm_jax.errors import InputError
from prm_jax.models import apply_head, gather_steps, step_logit
from prm_jax.objectives import Objective
from prm_jax.train.state import TrainState, model_params


def head_logits(model, params, batch):
    """Logits of a model's head at the ends of the steps of a packed batch.

    Args:
        model: `models.Decoder` with a head.
        params: its parameter tree.
        batch: as `data.packing.pack` gives it; with `lower_BTD` the first group of layers is not
            run (see `train.feature_cache`).

    Returns:
        f32[B,S,C]; slots without a step hold numbers without meaning.
    """
    output = model.apply(
        {"params": params},
        batch["tokens"],
        positions=batch["positions"],
        segment_ids=batch["segment_ids"],
        lower_BTD=batch.get("lower_BTD"),
    )
    h_BSD = gather_steps(output.hidden_BTD, batch["step_positions"])
    return apply_head(model.head, params, h_BSD, final_softcap=model.config.final_softcap)


def batch_loss(params, frozen, batch, *, model, objective: Objective):
    """Loss of a batch and its metrics, differentiable in `params`.

    Returns:
        `(loss, (metrics, logits))`: f32[], the objective's dict of f32[], and f32[B,S,C].
    """
    logits_BSC = head_logits(model, model_params(params, frozen), batch)
    read = step_logit(model.head, logits_BSC) if objective.reads == "score" else logits_BSC
    whose = {}
    if objective.by_trajectory:
        # Not `step_example`: where two epochs meet, a row can hold an example twice.
        segment_BS = jnp.take_along_axis(batch["segment_ids"], batch["step_positions"], axis=1)
        whose["trajectory_BS"] = jnp.where(batch["step_mask"], segment_BS, 0)
    loss, metrics = objective.loss(read, batch["step_labels"], batch["label_mask"], **whose)
    return loss, (metrics, logits_BSC)


def accumulated_gradient(params, frozen, batch, *, model, objective, microbatches=1):
    """Loss, metrics and gradient of a batch that is run in parts.

    Every part counts by its weight, the number of labelled steps (or trajectories, if that is
    what the objective averages over), so the result is that of the whole batch whatever the split.

    Args:
        params, frozen: as in `TrainState`.
        batch: as `data.packing.pack` gives it, B divisible by `microbatches`.
        model: `models.Decoder`.
        objective: `objectives.Objective`.
        microbatches: number of parts.

    Returns:
        `(metrics, gradient)`: dict of f32[] with 'loss' and the objective's metrics, and a tree
        like `params`.

    Raises:
        InputError: if the rows cannot be split evenly.
    """
    rows = batch["tokens"].shape[0]
    if rows % microbatches:
        raise InputError(
            f"{rows} rows cannot be split into {microbatches} microbatches", field="microbatches"
        )

    def weighted(part):
        def loss_of(params):
            return batch_loss(params, frozen, part, model=model, objective=objective)

        (loss, (metrics, _)), gradient = jax.value_and_grad(loss_of, has_aux=True)(params)
        weight = metrics.pop("weight")
        metrics = {"loss": loss, **metrics}
        return weight, jax.tree.map(lambda x: x * weight, (metrics, gradient))

    if microbatches == 1:
        weight, sums = weighted(batch)
    else:
        # Rows m, m + M, m + 2M, ... make part m: each device keeps the rows it has.
        parts = jax.tree.map(
            lambda x: jnp.moveaxis(
                x.reshape(rows // microbatches, microbatches, *x.shape[1:]), 1, 0
            ),
            batch,
        )
        first = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), parts)
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(weighted, first))
        (weight, sums), _ = jax.lax.scan(
            lambda total, part: (jax.tree.map(jnp.add, total, weighted(part)), None), zeros, parts
        )
    metrics, gradient = jax.tree.map(lambda x: x / jnp.maximum(weight, 1.0), sums)
    return {**metrics, "weight": weight}, gradient


def train_step(state: TrainState, batch, *, model, objective, optimizer, microbatches=1):
    """One update.

    Args:
        state: `TrainState`.
        batch: as `data.packing.pack` gives it.
        model: `models.Decoder`.
        objective: `objectives.Objective`.
        optimizer: optax.GradientTransformation.
        microbatches: parts the batch is run in.

    Returns:
        `(state, metrics)`: the next state and a dict of f32[]: 'loss', 'weight' (labelled steps
        or trajectories), 'accuracy', 'tokens', 'grad_norm' (before clipping) and 'update_norm'.
    """
    metrics, gradient = accumulated_gradient(
        state.params,
        state.frozen,
        batch,
        model=model,
        objective=objective,
        microbatches=microbatches,
    )
    updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
    metrics |= {
        "tokens": jnp.sum(batch["segment_ids"] > 0, dtype=jnp.float32),
        "grad_norm": optax.tree.norm(gradient),
        "update_norm": optax.tree.norm(updates),
    }
    params = optax.apply_updates(state.params, updates)
    return TrainState(state.step + 1, params, state.frozen, opt_state), metrics


def eval_step(state: TrainState, batch, *, model, objective):
    """Loss and step scores of a validation batch.

    Args:
        state, batch, model, objective: as in `train_step`.

    Returns:
        Dict with 'loss' and 'weight' f32[], and 'step_logits' f32[B,S], the log-odds that each step
        is right.
    """
    loss, (metrics, logits_BSC) = batch_loss(
        state.params, state.frozen, batch, model=model, objective=objective
    )
    return {
        "loss": loss,
        "weight": metrics["weight"],
        "step_logits": step_logit(model.head, logits_BSC),
    }
