"""Training the router and the syntheses of a mixture of experts (DMoERM, arXiv:2403.01197).

This is the last of its three phases. The model and the experts stay as they are, so their states
are computed once (`train.expert_states`). The router learns each trajectory's category by
cross-entropy; a category's synthesis learns any objective of one score a step from its own
trajectories. Each loss has parameters of its own, so their sum trains both as if alone, but for a
clipped gradient.
"""

import dataclasses
import functools
from pathlib import Path

import jax
import numpy as np
import optax
from ml_collections import ConfigDict

from prm_jax import objectives
from prm_jax.data.corpus import make_corpus
from prm_jax.errors import InputError
from prm_jax.models import HeadConfig
from prm_jax.models.mixture_of_experts import init_mixture, router_logits, synthesise_each
from prm_jax.objectives.reduction import mean_over_mask
from prm_jax.progress import Progress
from prm_jax.scoring.log_prob import require_spans
from prm_jax.text import convention as convention_named
from prm_jax.train import added_layers
from prm_jax.train.config import check_data
from prm_jax.train.expert_states import ExpertStates
from prm_jax.train.experts import read_experts
from prm_jax.train.optimizer import make_optimizer
from prm_jax.train.step import extras
from prm_jax.weights import load_model
from prm_jax.weights.fingerprint import fingerprint, frozen_fingerprint
from prm_jax.weights.mixture import Mixture, save_mixture

SOURCE = "source"


def default_config() -> ConfigDict:
    """The configuration of a run.

    Returns:
        ConfigDict whose keys are fixed.
    """
    config = added_layers.default_config()
    config.experts = ()  # ((category, (workdir of an expert, ...)), ...)
    config.category = SOURCE  # what of a trajectory is its category: source, or a key of its meta
    config.objective = "bradley_terry"  # any that reads one score a step, see objectives.OBJECTIVES
    config.objective_options = ""  # its hyperparameters as a JSON object
    with config.optimizer.unlocked():
        config.optimizer.learning_rate = 1e-4
        config.optimizer.clip_norm = 0.0
    return config.lock()


def train(config: ConfigDict, workdir, progress: bool = True) -> list[dict]:
    """Trains router and syntheses, or goes on where a stopped run was.

    Args:
        config: as `default_config` describes it.
        workdir: gets `model.safetensors` and `mixture.json`, which the scorer `mixture` reads, at
            the end, and the state and the states of the experts before.
        progress: whether to show it.

    Returns:
        An entry an epoch: 'loss' of the objective, 'router_loss', 'router_accuracy', and of
        held-out data 'validation_auroc' with the experts of the right category and
        'validation_router_accuracy', both None without.

    Raises:
        InputError: for anything in the configuration, the model, the experts or the data that does
            not fit.
    """
    added_layers.check(config)
    data, path = config.data, Path(workdir) / added_layers.STATE
    objective = _objective(config)
    check_data(data)
    model, frozen, tokenizer = load_model(config.model, dtype=config.dtype)
    convention = convention_named(data.convention or tokenizer.convention or "trl")
    require_spans(convention)
    tokenizer.convention = convention
    model_fingerprint = frozen_fingerprint(frozen)
    experts = read_experts(config.experts, model_fingerprint, convention, config.dtype)
    names = tuple(category for category, _ in config.experts)
    kept, held_out = added_layers.read_groups(data)
    corpus, categories = _corpus(kept, names, config, objective, tokenizer)
    if missing := sorted(set(range(len(names))) - set(categories.tolist())):
        raise InputError(
            f"there is nothing to learn from in category {names[missing[0]]!r}",
            field="data.train",
            remedy="its synthesis would stay untrained: add some, or leave the category out",
        )
    totals = added_layers.count_epochs(config, corpus)

    def states_of(corpus, categories):
        directory = config.features or Path(workdir) / "features"
        return ExpertStates(
            directory, corpus, categories, model, frozen, experts, model_fingerprint
        )

    counts = [len(workdirs) for _, workdirs in config.experts]
    params = init_mixture(jax.random.key(config.seed), model.config.d_model, counts)
    optimizer, _ = make_optimizer(config.optimizer, params, sum(totals))
    made_from = added_layers.origin(
        config, corpus, model_fingerprint, experts_fingerprint=fingerprint(experts)
    )
    state = {"params": params, "optimizer": optimizer.init(params)}
    state, history = added_layers.restore(path, state, made_from)
    step = jax.jit(functools.partial(_step, objective, optimizer))
    states = states_of(corpus, categories)
    validation, of_held_out = _corpus(held_out, names, config, objective, tokenizer)
    validation_states = states_of(validation, of_held_out) if validation.encoded else None

    def update(state, batch, number):
        return step(state, states.attach(batch))

    def judge(state):
        if validation_states is None:
            return {"validation_auroc": None, "validation_router_accuracy": None}
        return _judged(state["params"], validation, validation_states, data)

    with Progress("epochs", show=progress) as show:
        if len(history) < config.epochs:
            states.compute(show)
            if validation_states is not None:
                validation_states.compute(show)
        state, history = added_layers.run_epochs(
            path, config, corpus, state, history, made_from, update=update, judge=judge, show=show
        )
    record = added_layers.record_of(config, made_from, convention, history)
    save_mixture(workdir, Mixture(names, {**state["params"], "experts": experts}, record))
    return history


def mixture_loss(params, batch, objective):
    """The objective's loss and the router's.

    Args:
        params: as `models.mixture_of_experts.init_mixture` gives them.
        batch: as `ExpertStates.attach` gives it.
        objective: `objectives.Objective` that reads one score a step.

    Returns:
        `(sum, metrics)`: f32[], and a dict of f32[]: 'loss' and 'weight' of the objective, and
        'router_loss' and 'router_accuracy', means over trajectories.
    """
    arrays = (batch["states_BSE"], batch["category_BS"])
    scores_BS = synthesise_each(params["synthesis"], *arrays)
    needs = extras(batch, objective.needs)
    loss, metrics = objective.loss(scores_BS, batch["step_labels"], batch["label_mask"], **needs)
    logits_BSC = router_logits(params["router"], batch["problem_BSD"])
    once_BS = _once(batch)
    wrong_BS = optax.softmax_cross_entropy_with_integer_labels(logits_BSC, batch["category_BS"])
    router_loss, _ = mean_over_mask(wrong_BS, once_BS)
    hit_BS = logits_BSC.argmax(-1) == batch["category_BS"]
    found = {
        "loss": loss,
        "weight": metrics["weight"],
        "router_loss": router_loss,
        "router_accuracy": mean_over_mask(hit_BS, once_BS)[0],
    }
    return loss + router_loss, found


def _once(batch):
    """One step of each trajectory, for what is counted by trajectories: bool[B,S]."""
    return batch["step_mask"] & (batch["step_index"] == 0)


def _step(objective, optimizer, state, batch):
    """One update: `(state, metrics)`."""

    def loss_of(params):
        return mixture_loss(params, batch, objective)

    gradient, metrics = jax.grad(loss_of, has_aux=True)(state["params"])
    updates, inner = optimizer.update(gradient, state["optimizer"], state["params"])
    return {"params": optax.apply_updates(state["params"], updates), "optimizer": inner}, metrics


@jax.jit
def _read(params, batch):
    """Scores of the right categories, f32[B,S], and the categories chosen, i32[B,S]."""
    arrays = (batch["states_BSE"], batch["category_BS"])
    chosen_BS = router_logits(params["router"], batch["problem_BSD"]).argmax(-1)
    return synthesise_each(params["synthesis"], *arrays), chosen_BS


def _judged(params, corpus, states, data):
    """What an epoch's entry says of held-out trajectories."""
    hits: list[np.ndarray] = []

    def score(batch):
        batch = states.attach(batch)
        scores_BS, chosen_BS = map(np.asarray, _read(params, batch))
        hits.append((chosen_BS == batch["category_BS"])[_once(batch)])
        return scores_BS[batch["label_mask"]], batch["step_labels"][batch["label_mask"]]

    found = added_layers.held_out_auroc(score, corpus, data)
    return {
        "validation_auroc": found,
        "validation_router_accuracy": float(np.concatenate(hits).mean()),
    }


def _objective(config):
    found = objectives.check(config.objective, HeadConfig("scalar"), config.objective_options)
    if found.reads != "score":
        raise InputError(
            f"objective {config.objective!r} reads more than one score a step",
            field="objective",
            remedy="for example bradley_terry or bce",
        )
    return found


def _corpus(groups, names, config, objective, tokenizer):
    """The trajectories encoded, and the number of each unit's category."""
    parts, numbers = [], []
    for source, trajectories in groups:
        found = [_category(trajectory, config.category, names) for trajectory in trajectories]
        for number in sorted(set(found)):
            part = [t for t, own in zip(trajectories, found) if own == number]
            share = None if source.weight is None else source.weight * len(part) / len(found)
            parts.append((dataclasses.replace(source, weight=share), part))
            numbers.append(number)
    make = functools.partial(
        make_corpus,
        tokenizer=tokenizer,
        convention=tokenizer.convention,
        max_length=config.data.max_length,
        supervise=objective.supervise,
        unlabelled=config.data.unlabelled,
        unit=objective.unit,
    )
    corpus = make(parts)
    if len(corpus.sizes) < len(parts):  # a part without a pair, or a label, is left out of it
        kept = [place for place, part in enumerate(parts) if make([part]).sizes]
        parts, numbers = ([of[place] for place in kept] for of in (parts, numbers))
        corpus = make(parts)
    return corpus, np.repeat(np.array(numbers, int), np.array(corpus.sizes, int))


def _category(trajectory, key, names):
    """The number of a trajectory's category."""
    name = trajectory.source if key == SOURCE else trajectory.meta.get(key)
    if name not in names:
        raise InputError(
            f"trajectory {trajectory.id or trajectory.problem[:40]!r} is of category {name!r}, "
            "which has no experts",
            field="category" if name is None else "experts",
            remedy=f"known are {', '.join(names)}",
        )
    return names.index(name)
