"""Rotary frequencies against figures computed once by transformers 5 (head dimension 16)."""

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.models import Rope
from prm_jax.models.rope import inverse_frequencies, rotate, rotations

GOLDEN = {
    "linear": (
        Rope(theta=1e6, kind="linear", factor=8.0),
        [0.125, 0.022228492, 0.0039528473, 0.00070292666, 0.000125, 2.2228493e-05]
        + [3.9528468e-06, 7.0292668e-07],
        1.0,
    ),
    "llama 3.1": (
        Rope(theta=5e5, kind="llama3", factor=8.0, original_max_position=8192),
        [1.0, 0.19392276, 0.037606031, 0.0072926651, 0.00052484602, 3.4281024e-05]
        + [6.6478697e-06, 1.2891732e-06],
        1.0,
    ),
    "llama 3.2": (
        Rope(theta=5e5, kind="llama3", factor=32.0, original_max_position=8192),
        [1.0, 0.19392276, 0.037606031, 0.0072926651, 0.00042955671, 8.5702559e-06]
        + [1.6619674e-06, 3.2229329e-07],
        1.0,
    ),
    "yarn, Qwen 2.5": (
        Rope(theta=1e6, kind="yarn", factor=4.0, original_max_position=32768),
        [1.0, 0.17782794, 0.031622779, 0.0042175599, 0.00050000002, 4.4456985e-05]
        + [7.9056936e-06, 1.4058534e-06],
        1.138629436111989,
    ),
    "yarn, not truncated": (
        Rope(theta=1.5e5, kind="yarn", factor=32.0, original_max_position=4096, truncate=False),
        [1.0, 0.225418, 0.050813273, 0.0067949593, 0.00045648392, 1.8188337e-05]
        + [4.0999785e-06, 9.2420896e-07],
        1.3465735902799727,
    ),
    "yarn, mscale and betas": (
        Rope(
            kind="yarn",
            factor=40.0,
            original_max_position=4096,
            mscale=1.0,
            mscale_all_dim=0.707,
            beta_fast=16.0,
            beta_slow=2.0,
        ),
        [1.0, 0.31622776, 0.1, 0.031622779, 0.0067499992, 0.0011067971]
        + [2.4999999e-05, 7.9056945e-06],
        1.0857263992561355,
    ),
    "yarn, attention factor": (
        Rope(kind="yarn", factor=40.0, original_max_position=4096, attention_factor=0.9),
        [1.0, 0.31622776, 0.1, 0.023914725, 0.0051249997, 0.00084986218]
        + [2.4999999e-05, 7.9056945e-06],
        0.9,
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_frequencies_and_attention_factor_are_those_of_transformers(name):
    rope, expected, factor = GOLDEN[name]
    got, got_factor = inverse_frequencies(rope, 16)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert got_factor == pytest.approx(factor, rel=1e-12)


def test_the_attention_factor_scales_the_rotation():
    plain = Rope(kind="yarn", factor=40.0, original_max_position=4096, attention_factor=1.0)
    scaled = Rope(kind="yarn", factor=40.0, original_max_position=4096, attention_factor=0.5)
    positions = jnp.arange(6)[None]
    for one, half in zip(rotations(plain, 16, positions), rotations(scaled, 16, positions)):
        np.testing.assert_allclose(half, one / 2, rtol=1e-6)


def test_rotation_turns_each_pair_as_a_complex_number():
    x = np.random.default_rng(0).normal(size=(1, 5, 3, 8)).astype(np.float32)
    positions = np.asarray([[0, 1, 2, 1000, 3]])
    got = np.asarray(rotate(jnp.asarray(x), *rotations(Rope(theta=100.0), 8, positions)))
    frequencies = 100.0 ** -(np.arange(4) / 4)
    turned = (x[..., :4] + 1j * x[..., 4:]) * np.exp(1j * positions[:, :, None, None] * frequencies)
    np.testing.assert_allclose(got[..., :4] + 1j * got[..., 4:], turned, atol=2e-4)


def test_unknown_or_incomplete_scaling_is_refused():
    with pytest.raises(InputError, match="unknown RoPE scaling 'ntk'"):
        Rope(kind="ntk")
    with pytest.raises(InputError, match="original context length"):
        Rope(kind="yarn", factor=4.0)
