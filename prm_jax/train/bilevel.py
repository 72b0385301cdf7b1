"""Training with learnt weights of its sources (DreamPRM, arXiv:2505.20241).

Every update of the model is on the weighted loss of its batch. Every `unroll` updates the weights
are moved too, by AdamW, so that a model trained with them would be better on whole solutions with
known outcomes: the gradient goes through one step of gradient descent from where the model is
(`finite_difference`), or through `unroll` of them (`unrolled`), each on the batch of the update.
"""

import dataclasses
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax

from prm_jax.data.paired import separated
from prm_jax.objectives import Objective
from prm_jax.objectives.bilevel import aggregation_loss, domain_of, domain_weights, reweighted
from prm_jax.objectives.hypergradient import finite_difference, unrolled
from prm_jax.train.state import TrainState
from prm_jax.train.step import apply_gradient, batch_loss

METHODS = ("finite_difference", "unrolled")
OUTER = Objective(aggregation_loss, "score", supervise="outcome", needs=("trajectory_BS",))
LABEL_MASKS = ("label_mask", "outcome_mask", "prover_mask")  # of what an objective may learn from


@flax.struct.dataclass
class Domains:
    """The upper level's part of a `TrainState`.

    Fields:
        logits_K: f32[K], see `objectives.bilevel.domain_weights`.
        opt_state: the state of their optimizer.
        loss: f32[], the outer loss when they were last moved; NaN before.
    """

    logits_K: jax.Array
    opt_state: Any
    loss: jax.Array


def outer_optimizer(config) -> optax.GradientTransformation:
    """AdamW of the domain logits, as `config.bilevel` says."""
    return optax.adamw(config.learning_rate, weight_decay=config.weight_decay)


def create_domains(n_domains, optimizer) -> Domains:
    """Equal weights, before the first update.

    Args:
        n_domains: K.
        optimizer: `outer_optimizer`.

    Returns:
        `Domains`.
    """
    logits_K = jnp.zeros(n_domains, jnp.float32)
    return Domains(logits_K, optimizer.init(logits_K), jnp.full((), jnp.nan, jnp.float32))


def weighted_batch_loss(params, frozen, logits_K, batch, *, model, objective, sizes):
    """Loss of a batch, its sources weighted, and its metrics.

    Args:
        params, frozen: as in `TrainState`.
        logits_K: f32[K], of `domain_weights`.
        batch, model, objective, sizes: as in `bilevel_step`.

    Returns:
        `(loss, metrics)`: f32[], and the objective's dict of f32[].
    """

    def loss_of(inside_BS):
        part = batch | {name: batch[name] & inside_BS for name in LABEL_MASKS}
        loss, (metrics, _) = batch_loss(params, frozen, part, model=model, objective=objective)
        return loss, metrics

    domain_BS = domain_of(batch["step_example"], sizes)
    return reweighted(loss_of, domain_BS, domain_weights(logits_K))


def bilevel_step(
    state: TrainState,
    batch,
    meta_batch,
    *,
    model,
    objective: Objective,
    optimizer,
    sizes,
    names,
    outer_optimizer,
    method="finite_difference",
    unroll=5,
    inner_learning_rate=0.01,
):
    """One update of the model, and every `unroll` updates one of the weights.

    Args:
        state: `TrainState` with `domains`.
        batch: as `data.packing.pack` gives it, of a corpus of K sources.
        meta_batch: a batch of trajectories encoded with `supervise='outcome'`.
        model: `models.Decoder`.
        objective: `objectives.Objective` of the lower level.
        optimizer: optax.GradientTransformation of the model.
        sizes: number of trajectories of each source.
        names: what the sources are called in the metrics.
        outer_optimizer: optax.GradientTransformation of the domain logits.
        method: one of METHODS.
        unroll: updates of the model to one of the weights; steps that `unrolled` looks ahead.
        inner_learning_rate: of the gradient descent that the weights are judged by.

    Returns:
        `(state, metrics)` as `train_step` gives them, 'loss' being the weighted one; also
        'weight/NAME' after the update, and 'outer_loss', the last one (NaN before the first).
    """

    def inner(params, logits_K, batch):
        options: dict[str, Any] = dict(model=model, objective=objective, sizes=sizes)
        return weighted_batch_loss(params, state.frozen, logits_K, batch, **options)

    (loss, metrics), gradient = jax.value_and_grad(inner, has_aux=True)(
        state.params, state.domains.logits_K, batch
    )
    state, norms = apply_gradient(state, gradient, batch, optimizer)

    def outer_loss(params, meta_batch):
        return batch_loss(params, state.frozen, meta_batch, model=model, objective=OUTER)[0]

    def moved(domains):
        common = (lambda *of: inner(*of)[0], outer_loss, state.params, domains.logits_K)
        if method == "unrolled":
            batches = jax.tree.map(lambda x: jnp.broadcast_to(x, (unroll, *x.shape)), batch)
            found = unrolled(*common, batches, meta_batch, learning_rate=inner_learning_rate)
        else:
            found = finite_difference(*common, batch, meta_batch, learning_rate=inner_learning_rate)
        gradient_K, loss_ahead = found
        updates_K, moments = outer_optimizer.update(gradient_K, domains.opt_state, domains.logits_K)
        return Domains(optax.apply_updates(domains.logits_K, updates_K), moments, loss_ahead)

    domains = jax.lax.cond(state.step % unroll == 0, moved, lambda domains: domains, state.domains)
    weights_K = domain_weights(domains.logits_K)
    metrics |= norms | {
        "loss": loss,
        "outer_loss": domains.loss,
        **{f"weight/{name}": weights_K[k] for k, name in enumerate(names)},
    }
    return dataclasses.replace(state, domains=domains), metrics


def step_on_paired(state: TrainState, batch, **options):
    """`bilevel_step` on a batch and a meta batch in one (`data.paired`)."""
    return bilevel_step(state, *separated(batch), **options)
