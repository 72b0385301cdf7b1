"""The training step and the evaluation step: pure functions of state and batch."""

import dataclasses

import jax
import jax.numpy as jnp
import optax

from prm_jax.errors import InputError
from prm_jax.models import apply_head, step_logit
from prm_jax.models.step_reader import read_steps
from prm_jax.models.vocabulary import next_token_log_probs, step_log_probs
from prm_jax.objectives import Objective
from prm_jax.train.state import TrainState, model_params, reference_params


def head_logits(model, params, batch):
    """Logits f32[B,S,C] of a model's head on a packed batch, as `readings` gives them."""
    return read_steps(model, params, _hidden(model, params, batch), batch)


def readings(model, params, batch, reads):
    """What an objective reads of a model on a packed batch.

    Args:
        model: `models.Decoder`.
        params: its parameter tree.
        batch: as `data.packing.pack` gives it; with `lower_BTD` the first group of layers is not
            run (see `train.feature_cache`).
        reads: `Objective.reads`.

    Returns:
        `(read, logits_BSC)`: what the objective takes, and the head's logits f32[B,S,C] at step
        ends, None for 'log_prob'; slots without a step hold numbers without meaning.
    """
    hidden_BTD = _hidden(model, params, batch)
    if reads == "log_prob":
        tokens = (batch["tokens"], batch["segment_ids"])
        log_probs_BT = next_token_log_probs(model.config, params, hidden_BTD, *tokens)
        steps = (batch["step_starts"], batch["step_positions"])
        return step_log_probs(log_probs_BT, *steps), None
    logits_BSC = read_steps(model, params, hidden_BTD, batch)
    if reads == "score":
        return step_logit(model.head, logits_BSC), logits_BSC
    if reads == "tokens":
        softcap = model.config.final_softcap
        every_BTC = apply_head(model.head, params, hidden_BTD, final_softcap=softcap)
        return step_logit(model.head, every_BTC), logits_BSC
    return logits_BSC, logits_BSC


def _hidden(model, params, batch):
    return model.apply(
        {"params": params},
        batch["tokens"],
        positions=batch["positions"],
        segment_ids=batch["segment_ids"],
        lower_BTD=batch.get("lower_BTD"),
    ).hidden_BTD


def extras(batch, names) -> dict:
    """Arrays of a batch that an objective asks for by name, see `EXTRAS`."""
    return {name: EXTRAS[name](batch) for name in names}


def _trajectory(batch):
    # Not `step_example`: where two epochs meet, a row can hold an example twice.
    segment_BS = jnp.take_along_axis(batch["segment_ids"], batch["step_positions"], axis=1)
    return jnp.where(batch["step_mask"], segment_BS, 0)


def _span(batch):
    token_T = jnp.arange(batch["tokens"].shape[1])
    from_start_BST = token_T >= batch["step_starts"][..., None]
    inside_BST = from_start_BST & (token_T <= batch["step_positions"][..., None])
    return inside_BST & batch["step_mask"][..., None]


EXTRAS = {
    "trajectory_BS": _trajectory,
    "unit_BS": lambda batch: batch["step_unit"],
    "part_BS": lambda batch: batch["step_part"],
    "span_BST": _span,
    "step_tokens_BS": lambda batch: batch["step_positions"] - batch["step_starts"] + 1,
    "outcomes_BS": lambda batch: batch["outcomes"],
    "outcome_mask_BS": lambda batch: batch["outcome_mask"],
    "prover_labels_BS": lambda batch: batch["prover_labels"],
    "prover_mask_BS": lambda batch: batch["prover_mask"],
    "reference_BS": lambda batch: batch["reference"],
}
"""What an objective can take besides scores, labels and their mask: the trajectory of each step
(its segment, 0 where there is none), the unit and its part (`data.units`), the tokens of each step
and their number, the outcome at the last step, a prover's labels, the reference's log-probability
of each step."""


def batch_loss(params, frozen, batch, *, model, objective: Objective):
    """Loss of a batch and its metrics, differentiable in `params`.

    Returns:
        `(loss, (metrics, step_logits))`: f32[], the objective's dict of f32[], and the log-odds
        f32[B,S] that each step is right.
    """
    tree = model_params(params, frozen)
    read, logits_BSC = readings(model, tree, batch, objective.reads)
    if "reference_BS" in objective.needs and "reference" not in batch:
        before = reference_params(frozen)
        reference_BS, _ = readings(model, before, batch, objective.reads)
        batch = {**batch, "reference": jax.lax.stop_gradient(reference_BS)}
    needs = extras(batch, objective.needs)
    loss, metrics = objective.loss(read, batch["step_labels"], batch["label_mask"], **needs)
    if objective.step_logits is None:
        return loss, (metrics, step_logit(model.head, logits_BSC))
    return loss, (metrics, objective.step_logits(read, **extras(batch, objective.step_needs)))


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
    state, norms = apply_gradient(state, gradient, batch, optimizer)
    return state, metrics | norms


def apply_gradient(state: TrainState, gradient, batch, optimizer):
    """The next state from a gradient.

    Args:
        state: `TrainState`.
        gradient: tree like its params.
        batch: what it was computed on.
        optimizer: optax.GradientTransformation.

    Returns:
        `(state, metrics)`: the state after the update, and 'tokens', 'grad_norm' and 'update_norm'
        as `train_step` gives them.
    """
    updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
    metrics = {
        "tokens": jnp.sum(batch["segment_ids"] > 0, dtype=jnp.float32),
        "grad_norm": optax.tree.norm(gradient),
        "update_norm": optax.tree.norm(updates),
    }
    params = optax.apply_updates(state.params, updates)
    after = dataclasses.replace(state, step=state.step + 1, params=params, opt_state=opt_state)
    return after, metrics


def eval_step(state: TrainState, batch, *, model, objective):
    """Loss and step scores of a validation batch.

    Args:
        state, batch, model, objective: as in `train_step`.

    Returns:
        Dict with 'loss' and 'weight' f32[], and 'step_logits' f32[B,S], the log-odds that each step
        is right.
    """
    loss, (metrics, logits_BS) = batch_loss(
        state.params, state.frozen, batch, model=model, objective=objective
    )
    return {"loss": loss, "weight": metrics["weight"], "step_logits": logits_BS}
