"""Tiny random models of ours with a real tokenizer, for tests of files."""

import jax
import jax.numpy as jnp
import numpy as np
import tokenizers
from tokenizers import models, pre_tokenizers

from prm_jax.models import PRESETS, Decoder, abstract_params, paths
from prm_jax.text.tokenizer import Tokenizer

FAMILIES = (
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "qwen3_moe",
    "qwen3_5",
    "gemma2",
    "gemma3",
    "phi3",
    "olmo2",
    "olmo3",
)


def tokenizer():
    """A byte-level tokenizer whose ids fit the tiny models."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())[:250]
    vocabulary = {letter: i for i, letter in enumerate(["<unk>", "<s>", "</s>", *alphabet])}
    backend = tokenizers.Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return Tokenizer(backend, special={"bos_token": "<s>", "eos_token": "</s>"})


def model(family, head=None, seed=0):
    """`(Decoder, params)` of the family's tiny preset, every parameter random."""
    config = PRESETS[f"tiny-{family}"]
    random = np.random.default_rng(seed)

    def draw(leaf):
        scale = leaf.shape[-2] ** -0.5 if leaf.ndim > 1 else 0.5
        return jnp.asarray(random.normal(0, scale, leaf.shape), leaf.dtype)

    return Decoder(config, head=head), jax.tree.map(draw, abstract_params(config, head))


def assert_identical(left, right):
    """The two trees have the same paths, dtypes and bits."""
    left, right = paths(left), paths(right)
    assert set(left) == set(right)
    for path in left:
        assert left[path].dtype == right[path].dtype, path
        np.testing.assert_array_equal(np.asarray(left[path]), np.asarray(right[path]), path)
