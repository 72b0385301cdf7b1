"""The update of a model and of the weights of its sources."""

import dataclasses
import functools

import grain
import jax
import numpy as np
import optax
import pytest
import tiny_prm as tiny

from prm_jax import objectives
from prm_jax.data.packing import pack
from prm_jax.data.paired import Paired, separated
from prm_jax.models import HeadConfig, paths
from prm_jax.objectives.bilevel import domain_weights
from prm_jax.train.bilevel import METHODS, bilevel_step, create_domains, weighted_batch_loss
from prm_jax.train.state import create_state
from prm_jax.train.step import accumulated_gradient, batch_loss, train_step

BCE = objectives.OBJECTIVES["bce"]
SIZES, NAMES = (12, 12), ("clean", "corrupted")


def learnable(seed=0, flipped=(), whole=False):
    """24 trajectories whose labels follow from the token at the step; some are flipped.

    As `whole` solutions they have one step, and its label is their outcome.
    """
    encoded = []
    for number, item in enumerate(tiny.trajectories(24, seed)):
        kept = 1 if whole else item.n_steps
        tokens, positions = item.tokens % 2, item.step_positions[:kept]
        encoded.append(
            dataclasses.replace(
                item,
                tokens=tokens,
                step_positions=positions,
                labels=np.float32(tokens[positions] != (number in flipped)),
                label_mask=np.ones(kept, bool),
                step_starts=item.step_starts[:kept],
                n_steps=kept,
            )
        )
    return pack(encoded, 12, tiny.ROW_LENGTH, tiny.MAX_STEPS)


@functools.cache
def model_and_params():
    return tiny.model_and_params(segments=())


INNER, OUTER = optax.adam(3e-3), optax.sgd(10.0)
STATIC = dict(objective=BCE, sizes=SIZES)


def start():
    state = create_state(model_and_params()[1], {}, INNER)
    return dataclasses.replace(state, domains=create_domains(len(SIZES), OUTER))


@functools.cache
def compiled(method, unroll):
    options = dict(method=method, unroll=unroll, inner_learning_rate=0.02, names=NAMES)
    optimizers = dict(optimizer=INNER, outer_optimizer=OUTER)
    model, _ = model_and_params()
    return jax.jit(functools.partial(bilevel_step, model=model, **STATIC, **optimizers, **options))


def test_with_equal_weights_an_update_is_that_of_plain_training_and_then_the_weights_move():
    model, params = model_and_params()
    batch = tiny.batch(24, rows=12)
    plain = jax.jit(functools.partial(train_step, model=model, objective=BCE, optimizer=INNER))
    expected, metrics = plain(create_state(params, {}, INNER), batch)
    step, meta = compiled("unrolled", 2), learnable(whole=True)
    found, metrics_ = step(start(), batch, meta)
    for path, leaf in paths(expected.params).items():
        np.testing.assert_allclose(paths(found.params)[path], leaf, atol=1e-5, err_msg=path)
    for name, value in metrics.items():
        np.testing.assert_allclose(metrics_[name], value, rtol=1e-5, err_msg=name)
    assert metrics_["weight/clean"] == metrics_["weight/corrupted"] == 1
    assert np.isnan(metrics_["outer_loss"])
    _, metrics_ = step(found, batch, meta)
    assert metrics_["weight/clean"] != 1 and np.isfinite(metrics_["outer_loss"])


def test_the_model_runs_once_however_many_domains_there_are():
    model, params = model_and_params()
    batch = tiny.batch(24, rows=12)

    def flops(gradient, *given):
        return jax.jit(gradient).lower(*given).cost_analysis()["flops"]

    plain = flops(
        functools.partial(accumulated_gradient, model=model, objective=BCE), params, {}, batch
    )
    options = dict(model=model, objective=BCE, sizes=(3,) * 8)
    weighted = jax.grad(functools.partial(weighted_batch_loss, **options), has_aux=True)
    assert flops(weighted, params, {}, np.zeros(8, np.float32), batch) < 1.1 * plain


@pytest.mark.parametrize("name", ["step_and_trajectory", "prover_values", "bce_every_token"])
def test_objectives_of_more_than_step_labels_are_split_by_source_without_loss(name):
    objective = objectives.OBJECTIVES[name]
    one = objective.reads == "tokens"
    head = HeadConfig("scalar") if one else HeadConfig("linear", 2, reading=objective.reading)
    model, params = tiny.model_and_params(head=head, segments=())
    rng = np.random.default_rng(0)
    batch = tiny.batch(24, rows=12)
    last = batch["step_index"] > np.roll(batch["step_index"], -1, axis=1)
    batch["outcome_mask"] = last & batch["step_mask"] & (rng.random(last.shape) < 0.7)
    batch["outcomes"] = np.float32(rng.random(last.shape))
    batch["prover_mask"] = batch["step_mask"] & (rng.random(last.shape) < 0.7)
    batch["prover_labels"] = np.float32(rng.random(last.shape))
    static = dict(model=model, objective=objective)

    def both(params):
        plain, (metrics, _) = batch_loss(params, {}, batch, **static)
        split = weighted_batch_loss(
            params, {}, np.zeros(2, np.float32), batch, sizes=SIZES, **static
        )
        return (plain, metrics), split

    (plain, metrics), (split, metrics_) = jax.jit(both)(params)
    np.testing.assert_allclose(split, plain, rtol=1e-5)
    for key in ("weight", "accuracy"):
        np.testing.assert_allclose(metrics_[key], metrics[key], rtol=1e-5, err_msg=key)


@pytest.mark.parametrize("method", METHODS)
def test_the_weight_of_a_corrupted_source_falls(method):
    step, state = compiled(method, 1), start()
    for number in range(16):
        batch = learnable(number, flipped=range(12, 24))
        state, metrics = step(state, batch, learnable(100 + number, whole=True))
    weights = [float(metrics[f"weight/{name}"]) for name in NAMES]
    assert weights[1] < 0.8 and weights[0] > 1.2
    np.testing.assert_allclose(weights, domain_weights(state.domains.logits_K), rtol=1e-6)


def test_both_methods_move_the_weights_alike_when_they_look_one_step_ahead():
    batch, meta = learnable(flipped=range(12, 24)), learnable(9, whole=True)
    moved = []
    for method in METHODS:
        state, metrics = compiled(method, 1)(start(), batch, meta)
        moved.append((state.domains.logits_K, metrics["outer_loss"]))
    (found, loss), (exact, loss_) = moved
    assert np.abs(exact).min() > 1e-3
    np.testing.assert_allclose(loss, loss_, rtol=1e-5)
    np.testing.assert_allclose(found, exact, rtol=0.01)


def test_paired_streams_are_continued_where_they_were():
    def stream():
        first = grain.MapDataset.range(7).map(lambda n: {"tokens": n}).to_iter_dataset()
        second = grain.MapDataset.range(100, 103).map(lambda n: {"tokens": n}).repeat()
        return Paired(first, second.to_iter_dataset())

    def numbers(iterator):
        return [[part["tokens"] for part in separated(batch)] for batch in iterator]

    whole = numbers(iter(stream()))
    assert whole == [[n, 100 + n % 3] for n in range(7)]
    iterator = iter(stream())
    for _ in range(4):
        next(iterator)
    continued = iter(stream())
    continued.set_state(iterator.get_state())
    assert numbers(continued) == whole[4:]
