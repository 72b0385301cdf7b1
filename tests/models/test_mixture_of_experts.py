"""Router and synthesis against numpy; an expert is the model with its adapters, and no other."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_decoders import CONFIGS, params_of

from prm_jax.models import Decoder, init_lora, merge_lora
from prm_jax.models.mixture_of_experts import (
    expert_states,
    init_mixture,
    problem_states,
    router_logits,
    synthesise,
    synthesise_each,
)

D, COUNTS = 6, (3, 1)
NAME = "tiny-llama"


@pytest.fixture
def params():
    """Parameters without a zero or a one among them."""
    leaves, tree = jax.tree.flatten(init_mixture(jax.random.key(0), D, COUNTS))
    keys = jax.random.split(jax.random.key(1), len(leaves))
    noisy = [x + 0.5 * jax.random.normal(k, x.shape) for k, x in zip(keys, leaves)]
    return jax.tree.unflatten(tree, noisy)


@pytest.fixture
def states():
    return np.random.default_rng(0).normal(size=(2, 4, COUNTS[0] * D)).astype(np.float32)


@functools.cache
def adapters(n_experts):
    """Adapters of q and v whose products are not 0, stacked."""
    trees = []
    for number in range(n_experts):
        tree = init_lora(jax.random.key(number), params_of(NAME), 2, 4, (r"attn/[qv]/kernel",))
        keys = iter(jax.random.split(jax.random.key(10 + number), 4))

        def moved(path, x, keys=keys):
            is_b = path[-1].key == "b"
            return 0.5 * jax.random.normal(next(keys), x.shape) if is_b else x

        trees.append(jax.tree_util.tree_map_with_path(moved, tree))
    return jax.tree.map(lambda *x: jnp.stack(x), *trees)


def batch():
    tokens = np.random.default_rng(1).integers(0, 256, (2, 12)).astype(np.int32)
    return {
        "tokens": tokens,
        "positions": np.broadcast_to(np.arange(12, dtype=np.int32), (2, 12)),
        "segment_ids": np.ones((2, 12), np.int32),
        "step_positions": np.array([[3, 7, 11], [5, 6, 0]], np.int32),
        "problem_ends": np.array([[1, 1, 1], [2, 2, 0]], np.int32),
    }


def numpy_score(synthesis, h):
    x = h.astype(np.float64) @ np.asarray(synthesis["dense"]["kernel"], np.float64)
    x = x + np.asarray(synthesis["dense"]["bias"])
    slope = float(synthesis["prelu"]["scale"][0])
    x = np.maximum(x, 0) + slope * np.minimum(x, 0)
    out = x @ np.asarray(synthesis["out"]["kernel"], np.float64)
    return out[..., 0] + float(synthesis["out"]["bias"][0])


def test_router_and_synthesis_are_those_of_numpy(params, states):
    h = states[..., :D]
    expected = h @ np.asarray(params["router"]["kernel"]) + np.asarray(params["router"]["bias"])
    np.testing.assert_allclose(router_logits(params["router"], h), expected, atol=1e-5)
    synthesis = params["synthesis"]["0"]
    np.testing.assert_allclose(
        synthesise(synthesis, states), numpy_score(synthesis, states), atol=1e-5
    )


def test_each_step_is_scored_by_its_own_category(params, states):
    category = np.array([[0, 1, 1, 0], [1, 0, 0, 1]], np.int32)
    found = synthesise_each(params["synthesis"], states, category)
    first, second = (params["synthesis"][number] for number in "01")
    own = (numpy_score(first, states), numpy_score(second, states[..., :D]))
    np.testing.assert_allclose(found, np.where(category == 0, *own), atol=1e-5)


def test_a_category_learns_from_its_own_steps_only(params, states):
    category = np.zeros(states.shape[:2], np.int32)

    def total(syntheses):
        return synthesise_each(syntheses, states, category).sum()

    gradient = jax.grad(total)(params["synthesis"])
    assert all(np.any(np.asarray(x) != 0) for x in jax.tree.leaves(gradient["0"]))
    assert not any(np.any(np.asarray(x)) for x in jax.tree.leaves(gradient["1"]))


def test_experts_change_places_with_their_weights_only(params, states):
    synthesis, order = params["synthesis"]["0"], np.array([2, 0, 1])
    places = (order[:, None] * D + np.arange(D)).ravel()
    permuted = states[..., places]
    kernel = synthesis["dense"]["kernel"][places]
    with_weights = {**synthesis, "dense": {**synthesis["dense"], "kernel": kernel}}
    expected = np.asarray(synthesise(synthesis, states))
    np.testing.assert_allclose(synthesise(with_weights, permuted), expected, atol=1e-5)
    assert np.abs(np.asarray(synthesise(synthesis, permuted)) - expected).max() > 0.1


def test_states_lie_side_by_side_in_the_order_of_the_experts():
    model, params, inputs = Decoder(CONFIGS[NAME]), params_of(NAME), batch()
    found = jax.jit(lambda a: expert_states(model, params, a, inputs))(adapters(3))
    run = jax.jit(lambda p: model.apply({"params": p}, inputs["tokens"]).hidden_BTD)
    alone = []
    for number in range(3):
        of_one = jax.tree.map(lambda x, number=number: x[number], adapters(3))
        hidden = np.asarray(run(merge_lora(params, of_one)))
        alone.append(np.take_along_axis(hidden, inputs["step_positions"][..., None], axis=1))
    assert np.abs(alone[0] - alone[1]).max() > 0.05
    np.testing.assert_allclose(found, np.concatenate(alone, -1), atol=1e-5)


def test_an_expert_of_zero_adapters_has_the_models_own_states():
    model, params, inputs = Decoder(CONFIGS[NAME]), params_of(NAME), batch()
    zero = jax.tree.map(jnp.zeros_like, jax.tree.map(lambda x: x[:1], adapters(3)))
    found = jax.jit(lambda a: expert_states(model, params, a, inputs))(zero)
    at_steps = {**inputs, "problem_ends": inputs["step_positions"]}
    own = jax.jit(lambda p: problem_states(model, p, at_steps))(params)
    np.testing.assert_allclose(found, own, atol=1e-6)
