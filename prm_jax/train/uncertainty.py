"""Training an uncertainty head on features of a frozen model.

The features are computed once (`train.uncertainty_features`).
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from ml_collections import ConfigDict

from prm_jax import objectives
from prm_jax.data.corpus import make_corpus
from prm_jax.data.places import listed_steps
from prm_jax.models.attention_features import n_features
from prm_jax.models.uncertainty_head import (
    UncertaintyHeadConfig,
    init_uncertainty_head,
    wrong_logits,
)
from prm_jax.progress import Progress
from prm_jax.scoring.log_prob import require_spans
from prm_jax.text import convention as convention_named
from prm_jax.train import added_layers
from prm_jax.train.config import check_data
from prm_jax.train.optimizer import make_optimizer
from prm_jax.train.uncertainty_features import FeatureFiles
from prm_jax.weights import load_model
from prm_jax.weights.uncertainty import save_uncertainty_head


def default_config() -> ConfigDict:
    """The configuration of a run, with the values of the released code.

    Returns:
        ConfigDict whose keys are fixed.
    """
    config = added_layers.default_config()
    config.wrong_weight = 3.0  # of a wrong step in the loss; 1 for a right one
    config.head = ConfigDict(dataclasses.asdict(UncertaintyHeadConfig()))
    # A step is judged in the time of a row, so `data.row_length` is best no longer than needed.
    with config.optimizer.unlocked():
        config.optimizer.learning_rate = 1e-4
        config.optimizer.weight_decay = 0.1
        config.optimizer.b2 = 0.999
        config.optimizer.decay = "linear"
    return config.lock()


def train(config: ConfigDict, workdir, progress: bool = True) -> list[dict]:
    """Trains a head, or goes on where a stopped run was.

    Args:
        config: as `default_config` describes it.
        workdir: gets `model.safetensors` and `uncertainty_head.json`, which the scorer
            `uncertainty` reads, at the end, and the state and the features before.
        progress: whether to show it.

    Returns:
        An entry an epoch: 'loss', and 'validation_auroc', None without validation data.

    Raises:
        InputError: for anything in the configuration, the model or the data that does not fit.
    """
    added_layers.check(config)
    head = UncertaintyHeadConfig(**config.head)
    data, path = config.data, Path(workdir) / added_layers.STATE
    check_data(data)
    model, frozen, tokenizer = load_model(config.model, dtype=config.dtype)
    tokenizer.convention = convention_named(data.convention or tokenizer.convention or "trl")
    require_spans(tokenizer.convention)
    kept, held_out = added_layers.read_groups(data)
    corpus = _corpus(kept, data, tokenizer)
    validation: Any = _corpus(held_out, data, tokenizer) if held_out else None
    totals = added_layers.count_epochs(config, corpus)
    files = FeatureFiles(config.features or Path(workdir) / "features", model, frozen, head)
    width = n_features(model.config, head.history, head.top_k)
    params = init_uncertainty_head(jax.random.key(config.seed), head, width)
    optimizer, _ = make_optimizer(config.optimizer, params, sum(totals))
    made_from = added_layers.origin(config, corpus, files.fingerprint)
    state = {"params": params, "optimizer": optimizer.init(params)}
    state, history = added_layers.restore(path, state, made_from)
    step = jax.jit(functools.partial(head_step, head, optimizer, config.wrong_weight))
    wrong = jax.jit(functools.partial(wrong_logits, head))

    def update(state, batch, number):
        key = jax.random.fold_in(jax.random.key(config.seed + 1), number)
        return step(state, head_inputs(batch, files.attach(batch, corpus)), key)

    def judge(state):
        def score(batch):
            inputs = head_inputs(batch, files.attach(batch, validation))
            arrays = (inputs["features"], inputs["segment_ids"], inputs["steps"])
            known_S = inputs["known"]
            wrong_S = np.asarray(wrong(state["params"], *arrays))
            return -wrong_S[known_S], inputs["labels"][known_S]

        found = added_layers.held_out_auroc(score, validation, data) if validation else None
        return {"validation_auroc": found}

    with Progress("epochs", show=progress) as show:
        for part in (corpus, validation):
            if part is not None and len(history) < config.epochs:
                files.compute(part, data, show)
        state, history = added_layers.run_epochs(
            path, config, corpus, state, history, made_from, update=update, judge=judge, show=show
        )
    record = added_layers.record_of(config, made_from, tokenizer.convention, history)
    save_uncertainty_head(workdir, head, state["params"], record)
    return history


def _corpus(groups, data, tokenizer):
    options = dict(unlabelled=data.unlabelled)
    return make_corpus(groups, tokenizer, tokenizer.convention, data.max_length, **options)


def head_inputs(batch, features_BTF):
    """What the head is trained on: the labelled steps of a batch as a list.

    Args:
        batch: as `data.packing.pack` gives it.
        features_BTF: of its tokens.

    Returns:
        Dict of arrays for `head_step`.
    """
    steps, places = listed_steps(batch, batch["label_mask"])
    known_S = np.arange(len(steps["row"])) < len(places[0])
    labels_S = np.zeros(len(known_S), np.float32)
    labels_S[known_S] = batch["step_labels"][places]
    return {
        "features": features_BTF,
        "segment_ids": batch["segment_ids"],
        "steps": steps,
        "labels": labels_S,
        "known": known_S,
    }


def head_step(head, optimizer, wrong_weight, state, inputs, key):
    """One update.

    Args:
        head: `UncertaintyHeadConfig`.
        optimizer: optax.GradientTransformation.
        wrong_weight: of a wrong step in the loss.
        state: `params` of the head and the state of its `optimizer`.
        inputs: from `head_inputs`.
        key: PRNG key of the dropout.

    Returns:
        `(state, metrics)`: the next state, and 'loss' and 'weight' f32[].
    """

    def loss_of(params):
        arrays = (inputs["features"], inputs["segment_ids"], inputs["steps"])
        right_S = -wrong_logits(head, params, *arrays, key)
        rows = (x[None] for x in (right_S, inputs["labels"], inputs["known"]))
        return objectives.bce(*rows, wrong_weight=wrong_weight)

    (loss, metrics), gradient = jax.value_and_grad(loss_of, has_aux=True)(state["params"])
    updates, inner = optimizer.update(gradient, state["optimizer"], state["params"])
    params = optax.apply_updates(state["params"], updates)
    metrics = {"loss": loss, "weight": metrics["weight"]}
    return {"params": params, "optimizer": inner}, metrics
