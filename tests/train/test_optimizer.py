"""AdamW with groups against an independent computation, and the schedule's shape."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from prm_jax.errors import InputError
from prm_jax.train.config import default_config
from prm_jax.train.optimizer import learning_rate_schedule, make_optimizer


def options(**values):
    config = default_config().optimizer
    config.update(values)
    return config


def test_updates_equal_adamw_by_hand_with_clipping_groups_and_decay_off_norms():
    params = {"head": {"kernel": jnp.array([1.0, -2.0])}, "norm": {"scale": jnp.array([3.0])}}
    config = options(
        learning_rate=0.1, warmup_steps=0, decay="constant", b1=0.8, b2=0.9, eps=1e-3,
        weight_decay=0.5, clip_norm=1.0, groups=(("head", 10.0),),
    )  # fmt: skip
    optimizer, _ = make_optimizer(config, params, 10)
    state = optimizer.init(params)
    theta = {"kernel": np.array([1.0, -2.0]), "scale": np.array([3.0])}
    m = {name: 0.0 for name in theta}
    v = {name: 0.0 for name in theta}
    for t in range(1, 4):
        gradient = {"kernel": np.array([3.0, 0.5 * t]), "scale": np.array([4.0])}
        norm = np.sqrt(sum((g**2).sum() for g in gradient.values()))
        assert norm > 1
        for name, g in gradient.items():
            g = g / norm
            m[name] = 0.8 * m[name] + 0.2 * g
            v[name] = 0.9 * v[name] + 0.1 * g**2
            step = m[name] / (1 - 0.8**t) / (np.sqrt(v[name] / (1 - 0.9**t)) + 1e-3)
            step = step + 0.5 * theta[name] * (name == "kernel")
            theta[name] = theta[name] - 0.1 * (10 if name == "kernel" else 1) * step
        tree = {
            "head": {"kernel": jnp.float32(gradient["kernel"])},
            "norm": {"scale": jnp.float32(gradient["scale"])},
        }
        updates, state = optimizer.update(tree, state, params)
        params = optax.apply_updates(params, updates)
        np.testing.assert_allclose(params["head"]["kernel"], theta["kernel"], rtol=1e-5)
        np.testing.assert_allclose(params["norm"]["scale"], theta["scale"], rtol=1e-5)


@pytest.mark.parametrize("decay", ["cosine", "linear"])
@pytest.mark.parametrize(("warmup", "rise"), [(0, 0), (4, 4), (0.1, 2)])
def test_the_rate_rises_for_the_warmup_then_falls_and_no_update_is_wasted(decay, warmup, rise):
    schedule = learning_rate_schedule(
        options(learning_rate=1.0, warmup_steps=warmup, decay=decay), 20
    )
    rates = np.array([float(schedule(step)) for step in range(20)])
    np.testing.assert_allclose(rates[:rise], np.arange(1, rise + 1) / (rise + 1), rtol=1e-6)
    assert rates[rise] == rates.max() == 1.0
    assert (np.diff(rates[rise:]) < 0).all() and (rates > 0).all()
    np.testing.assert_allclose(schedule(20), 0, atol=1e-7)


def test_decays_have_known_values_and_end_at_the_floor():
    linear = learning_rate_schedule(
        options(learning_rate=2.0, warmup_steps=0, decay="linear", final_fraction=0.5), 10
    )
    np.testing.assert_allclose([linear(0), linear(5), linear(10)], [2.0, 1.5, 1.0])
    cosine = learning_rate_schedule(options(learning_rate=2.0, warmup_steps=0, decay="cosine"), 10)
    np.testing.assert_allclose([cosine(0), cosine(5)], [2.0, 1.0], rtol=1e-6)


@pytest.mark.parametrize("total", [1, 2, 3])
def test_a_run_shorter_than_its_warmup_still_moves(total):
    schedule = learning_rate_schedule(options(learning_rate=1.0, warmup_steps=100), total)
    assert all(float(schedule(step)) > 0 for step in range(total))


def test_a_group_without_parameters_and_an_unknown_decay_are_refused():
    params = {"head": {"kernel": jnp.zeros(2)}}
    with pytest.raises(InputError, match="'hed' matches no trained parameter"):
        make_optimizer(options(groups=(("hed", 2.0),)), params, 10)
    with pytest.raises(InputError, match="known are cosine"):
        make_optimizer(options(decay="step"), params, 10)
