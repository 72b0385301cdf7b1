"""What every objective that a run can name has in common.

Batches have three rows or four, of as many steps: what one objective compiles serves the others.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from packed_rows import lay_out, random_units

from prm_jax.errors import InputError
from prm_jax.models import HeadConfig
from prm_jax.objectives import OBJECTIVES, check
from prm_jax.objectives.registry import ANY

N = 4
ALONE = [[0], [1], [2], [3]]
BATCHWIDE = {"implicit_kto"}  # its baseline is a mean over the batch


def units_of(objective, seed=0):
    return random_units(N, objective.unit, seed, 5 if objective.reading == "ratings" else 2)


def value(objective, rows, seed=0, **options):
    read, labels, mask, needs = lay_out(objective, units_of(objective, seed), rows, **options)
    return objective.loss(read, labels, mask, **needs)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_packing_padding_and_order_change_nothing(name):
    loss, metrics = value(OBJECTIVES[name], ALONE)
    assert loss > 0 and metrics["weight"] > 0
    for rows in ([[3], [1], [0], [2]], [[0, 1], [2, 3], []], [[2, 0], [], [3, 1]]):
        loss_, metrics_ = value(OBJECTIVES[name], rows)
        np.testing.assert_allclose(loss_, loss, rtol=1e-5)
        for key in metrics:
            np.testing.assert_allclose(metrics_[key], metrics[key], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in OBJECTIVES if name not in BATCHWIDE])
def test_parts_of_a_batch_give_its_loss_weighted_by_their_weights(name):
    loss, metrics = value(OBJECTIVES[name], ALONE)
    parts = [
        value(OBJECTIVES[name], rows) for rows in ([[0], [1], []], [[2], [], [3]], [[], [], []])
    ]
    weights = np.array([part[1]["weight"] for part in parts])
    np.testing.assert_allclose(weights.sum(), metrics["weight"])
    found = (weights * np.array([part[0] for part in parts])).sum() / weights.sum()
    np.testing.assert_allclose(found, loss, rtol=1e-5)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradient_equals_finite_differences_and_reads_only_what_is_there(name):
    objective = OBJECTIVES[name]
    read, labels, mask, needs = lay_out(objective, units_of(objective), [[0, 1], [2], []])

    def loss(read):
        return objective.loss(read, labels, mask, **needs)[0]

    gradient = np.asarray(jax.jit(jax.grad(loss))(read))
    assert np.abs(gradient).max() > 1e-3
    random = np.random.default_rng(0).normal(size=read.shape)
    direction = jnp.float32(random * (np.abs(gradient) > 0))
    if name in BATCHWIDE:
        # The baseline has no gradient, so only the part that is not in it can be compared.
        part_BS = needs["part_BS"]
        direction = jnp.where(part_BS == 0, direction, 0.0)
    eps = 1e-2
    slope = (loss(read + eps * direction) - loss(read - eps * direction)) / (2 * eps)
    np.testing.assert_allclose(slope, (gradient * direction).sum(), rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_rubbish_outside_the_steps_changes_neither_value_nor_gradient(name):
    objective = OBJECTIVES[name]

    def both(rubbish):
        units = units_of(objective)
        read, labels, mask, needs = lay_out(objective, units, [[0, 1], [2], []], rubbish=rubbish)
        return jax.value_and_grad(lambda r: objective.loss(r, labels, mask, **needs)[0])(read)

    (loss, gradient), (loss_, gradient_) = both(0.0), both(np.nan)
    assert loss == loss_
    np.testing.assert_array_equal(gradient, gradient_)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_without_labels_loss_weight_accuracy_and_gradient_are_zero(name):
    objective = OBJECTIVES[name]
    read, labels, mask, needs = lay_out(objective, units_of(objective), ALONE)
    needs = {key: jnp.zeros_like(x) if "mask" in key else x for key, x in needs.items()}
    (loss, metrics), gradient = jax.value_and_grad(
        lambda r: objective.loss(r, labels, jnp.zeros_like(mask), **needs), has_aux=True
    )(read)
    assert loss == 0 and metrics["weight"] == 0 and metrics["accuracy"] == 0
    assert not np.asarray(gradient).any()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_labels_moved_by_one_step_change_the_loss(name):
    objective = OBJECTIVES[name]
    read, labels, mask, needs = lay_out(objective, units_of(objective), [[0, 1], [2, 3], []])
    loss, _ = objective.loss(read, labels, mask, **needs)
    moved = jnp.roll(labels, 1, axis=1), jnp.roll(mask, 1, axis=1)
    assert abs(float(loss - objective.loss(read, *moved, **needs)[0])) > 1e-4


@pytest.mark.parametrize("name", OBJECTIVES)
def test_it_is_accepted_with_its_heads_only(name):
    objective = OBJECTIVES[name]
    if objective.reads == "log_prob":
        assert check(name, None) is objective
        with pytest.raises(InputError, match="language model"):
            check(name, HeadConfig("scalar"))
        return
    for kind, n_classes in objective.heads:
        ids = dict(positive_id=1, negative_id=2) if kind == "two_token" else {}
        n_classes = 7 if n_classes == ANY else n_classes
        head = HeadConfig(kind, n_classes, reading=objective.reading, **ids)
        assert check(name, head) is objective
        other = HeadConfig(kind, n_classes, reading="ratings", **ids)
        if objective.reading == "classes":
            with pytest.raises(InputError, match="reading"):
                check(name, other)
    with pytest.raises(InputError, match="no head"):
        check(name, None)


def test_a_gate_packs_both_directions_for_losses_of_steps_and_is_refused_for_others():
    gated = HeadConfig("scalar", gate=True)
    assert check("bce", gated).unit == check("q_ranking", gated).unit == "directions"
    for name in ("bradley_terry", "bce_every_token"):
        with pytest.raises(InputError, match="gate"):
            check(name, gated)
