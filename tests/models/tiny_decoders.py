"""Tiny models of every family, with no parameter at a value that would hide it."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.models import PRESETS, Decoder, init_params

FAMILIES = tuple(name for name in PRESETS if name.startswith("tiny-"))
# Llama checkpoints may have biases everywhere; no preset has.
BIASED = dataclasses.replace(
    PRESETS["tiny-llama"], qkv_bias=True, o_bias=True, mlp_bias=True, vocab_size=96
)
DEEP = dataclasses.replace(
    PRESETS["tiny-gemma3"], n_layers=6, layer_types=("sliding", "sliding", "full") * 2
)
CONFIGS = {name: PRESETS[name] for name in FAMILIES} | {
    "biased": BIASED,
    "deep": DEEP,
}


@functools.cache
def params_of(name, head=None):
    """Fresh parameters plus noise, so that biases are not 0 and norm scales not 1."""
    params, rng = init_params(jax.random.key(0), CONFIGS[name], head), np.random.default_rng(1)
    noise = jax.tree.map(lambda x: 0.1 * rng.standard_normal(x.shape, np.float32), params)
    return jax.tree.map(lambda x, other: jnp.asarray(np.asarray(x) + other), params, noise)


@functools.cache
def compiled(name, logits=False, **fields):
    """One function of (params, tokens, positions, segment_ids) for all tests, jitted."""
    model = Decoder(CONFIGS[name], **fields)

    def run(params, tokens, positions, segment_ids):
        output = model.apply({"params": params}, tokens, positions, segment_ids, logits=logits)
        return output.logits_BTV if logits else output.hidden_BTD

    return jax.jit(run)


def hidden(name, tokens, positions=None, segment_ids=None, params=None, **fields):
    """Hidden states f32[B,T,D] of the tiny model `name`."""
    params = params_of(name) if params is None else params
    return np.asarray(compiled(name, **fields)(params, jnp.asarray(tokens), positions, segment_ids))


def tokens(rows, length, seed=0):
    return np.random.default_rng(seed).integers(0, 96, (rows, length)).astype(np.int32)
