"""Architectures are records that can be hashed, and impossible ones are refused."""

import dataclasses

import pytest

from prm_jax.errors import InputError
from prm_jax.models import PRESETS
from prm_jax.weights.families import FAMILIES

LLAMA = PRESETS["tiny-llama"]


@pytest.mark.parametrize("name", PRESETS)
def test_equal_configs_have_equal_hashes(name):
    copy = dataclasses.replace(PRESETS[name])
    assert copy == PRESETS[name] and hash(copy) == hash(PRESETS[name])


def test_there_is_a_tiny_model_of_every_family():
    families = {PRESETS[name].family for name in PRESETS if name.startswith("tiny-")}
    assert families == set(FAMILIES)


@pytest.mark.parametrize(
    "changes, words",
    [
        (dict(n_heads=3), "3 query heads cannot share 2 key heads"),
        (dict(layer_types=("full",)), "1 layer types for 2 layers"),
        (dict(layer_types=("full", "global")), "unknown layer types"),
        (dict(layer_types=("full", "sliding")), "sliding layers need a window"),
        (dict(activation="relu"), "unknown activation 'relu'"),
        (dict(head_dim=7), "head dimension 7 is odd"),
    ],
)
def test_impossible_architectures_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        dataclasses.replace(LLAMA, **changes)
