"""The uncertainty head against the same sums in numpy, and which tokens a step is judged by."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.models import uncertainty_head
from prm_jax.models.tree import from_paths, paths
from prm_jax.models.uncertainty_head import (
    UncertaintyHeadConfig,
    init_uncertainty_head,
    wrong_logits,
)

SMALL = UncertaintyHeadConfig(d_model=8, n_heads=2, n_layers=2, d_ff=12)
F, T = 5, 10
SEGMENTS = np.array([[1] * 6 + [2] * 3 + [0]], np.int32)
STEPS = {
    name: np.array(values, np.int32)
    for name, values in (("row", [0, 0, 0]), ("start", [2, 4, 7]), ("end", [3, 5, 8]))
}
FEATURES = np.random.default_rng(0).uniform(size=(1, T, F)).astype(np.float32)


def noisy(config=SMALL):
    """Fresh parameters plus noise, so that no bias is 0 and no scale 1."""
    leaves = paths(init_uncertainty_head(jax.random.key(0), config, F))
    keys = jax.random.split(jax.random.key(1), len(leaves))
    return from_paths(
        {
            path: leaf + jax.random.normal(key, leaf.shape)
            for key, (path, leaf) in zip(keys, leaves.items(), strict=True)
        }
    )


def judged(features=FEATURES, config=SMALL, segments=SEGMENTS, steps=STEPS, params=None, **rest):
    params = noisy(config) if params is None else params
    return np.asarray(wrong_logits(config, params, jnp.asarray(features), segments, steps, **rest))


def by_numpy(params, x, inside):
    """The logit of one step from features f64[n,F] of its trajectory, by loops."""
    own = {path: np.asarray(leaf, np.float64) for path, leaf in paths(params).items()}

    def dense(name, x):
        return x @ own[f"{name}/kernel"] + own[f"{name}/bias"]

    def norm(name, x):
        centred = x - x.mean(-1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return centred / deviation * own[f"{name}/scale"] + own[f"{name}/bias"]

    def gelu(x):
        return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2

    x = gelu(norm("tokens/dense_norm", dense("tokens/dense", x)))
    x = gelu(norm("tokens/project_norm", dense("tokens/project", x)))
    x = x + own["steps/in_step/embedding"][inside.astype(int)]
    for layer in ("steps/layer_0", "steps/layer_1"):
        mixed = own[f"{layer}/attn/out/bias"] + np.zeros_like(x)
        for head in range(2):
            q, k, v = (
                x @ own[f"{layer}/attn/{name}/kernel"][:, head]
                + own[f"{layer}/attn/{name}/bias"][head]
                for name in ("query", "key", "value")
            )
            for t in range(len(x)):
                odds = np.exp(k @ q[t] / math.sqrt(4))
                mixed[t] += odds / odds.sum() @ v @ own[f"{layer}/attn/out/kernel"][head]
        x = norm(f"{layer}/attn_norm", x + mixed)
        mixed = dense(f"{layer}/down", gelu(dense(f"{layer}/up", x)))
        x = norm(f"{layer}/mlp_norm", x + mixed)
    mean = x[inside].mean(axis=0)
    return float(dense("steps/out", gelu(norm("steps/norm", dense("steps/dense", mean))))[0])


def test_logits_are_those_of_the_same_sums_in_numpy():
    inside = np.arange(6)
    expected = [
        by_numpy(noisy(), FEATURES[0, :6].astype(np.float64), (inside >= 2) & (inside <= 3)),
        by_numpy(noisy(), FEATURES[0, :6].astype(np.float64), inside >= 4),
        by_numpy(noisy(), FEATURES[0, 6:9].astype(np.float64), np.array([False, True, True])),
    ]
    assert np.ptp(expected) > 0.5
    np.testing.assert_allclose(judged(), expected, rtol=3e-5)


@pytest.mark.parametrize("mask_later", [False, True])
def test_a_step_is_judged_by_its_segment_and_if_asked_by_nothing_later(mask_later):
    config = dataclasses.replace(SMALL, mask_later=mask_later)

    def first_step(features):
        return wrong_logits(config, noisy(), features, SEGMENTS, STEPS)[0]

    seen = np.abs(np.asarray(jax.grad(first_step)(jnp.asarray(FEATURES)))).max(axis=(0, 2)) > 0
    assert seen.tolist() == [True] * 4 + [not mask_later] * 2 + [False] * 4


def test_the_order_of_tokens_outside_the_step_changes_nothing():
    moved = FEATURES[:, [1, 0, 2, 3, 5, 4, 6, 7, 8, 9]]
    np.testing.assert_allclose(judged(moved)[0], judged()[0], atol=1e-6)
    assert abs(judged(FEATURES[:, [2, 1, 0, 3, 4, 5, 6, 7, 8, 9]])[0] - judged()[0]) > 1e-4


def test_blocks_of_steps_do_not_change_a_logit_or_a_gradient(monkeypatch):
    def total(params):
        return wrong_logits(SMALL, params, FEATURES, SEGMENTS, STEPS).sum()

    whole, gradient = judged(), jax.grad(total)(noisy())
    monkeypatch.setattr(uncertainty_head, "CELLS", 2 * 2 * T * T)  # two steps a block
    np.testing.assert_allclose(judged(), whole, rtol=1e-6, atol=1e-6)
    for found, expected in zip(
        jax.tree.leaves(jax.grad(total)(noisy())), jax.tree.leaves(gradient)
    ):
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_dropout_depends_on_the_key_alone_and_is_off_without_one():
    first, again, other = (judged(key=jax.random.key(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3 and np.abs(first - judged()).max() > 1e-3


@pytest.mark.parametrize("wrong", [{"n_heads": 3}, {"dropout": 1.0}, {"n_layers": 0}])
def test_sizes_that_no_head_can_have_are_refused(wrong):
    with pytest.raises(InputError, match=f"head.{next(iter(wrong))}"):
        dataclasses.replace(SMALL, **wrong)
