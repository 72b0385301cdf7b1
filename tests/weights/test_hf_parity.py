"""Logits of imported checkpoints against transformers, family by family, in float32."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_checkpoints as tiny

from prm_jax.models import Decoder
from prm_jax.weights.hf import load_directory
from prm_jax.weights.hf_config import read_config

pytest.importorskip("torch")
pytest.importorskip("transformers")

TOLERANCE = 2e-4


def largest_difference(config, params, reference):
    output = Decoder(config).apply({"params": params}, jnp.asarray(tiny.tokens()), logits=True)
    return float(np.abs(np.asarray(output.logits_BTV) - reference).max())


@pytest.mark.parametrize("name", tiny.VARIANTS)
def test_logits_equal_those_of_transformers(name, tmp_path):
    reference = tiny.logits(tiny.write(tmp_path, name))
    assert np.abs(reference).max() > 1, "logits too small to compare"
    config, head, params, _ = load_directory(tmp_path)
    difference = largest_difference(config, params, reference)
    print(f"{name}: max |logit difference| {difference:.1e}")
    assert head is None
    assert difference <= TOLERANCE


@pytest.mark.parametrize("values", [{}, {"attention_factor": 1.3, "factor": 2.0}], ids=str)
def test_longrope_changes_over_with_the_length_of_a_row_as_in_transformers(values, tmp_path):
    import torch

    rope = tiny.LONGROPE | dict(rope_theta=1e4) | values
    model = tiny.write(tmp_path, "phi3-longrope", rope_parameters=rope)
    config, _, params, _ = load_directory(tmp_path)
    run = jax.jit(lambda t: Decoder(config).apply({"params": params}, t, logits=True).logits_BTV)
    longest = tiny.tokens(2, 40)
    first = {}
    for length in (5, 16, 17, 40):  # the original context is 16
        tokens = longest[:, :length]
        with torch.no_grad():
            reference = model(torch.from_numpy(tokens).long()).logits.numpy()
        assert np.abs(np.asarray(run(tokens)) - reference).max() <= TOLERANCE
        first[length] = reference[:, 4]
    np.testing.assert_allclose(first[5], first[16], atol=1e-4)
    np.testing.assert_allclose(first[17], first[40], atol=1e-4)
    assert np.abs(first[16] - first[17]).max() > 0.05, "the divisors do not show in the logits"


@pytest.mark.parametrize("name", tiny.VARIANTS)
def test_both_config_layouts_mean_the_same_architecture(name, tmp_path):
    tiny.configuration(name).save_pretrained(tmp_path)
    new = json.loads((tmp_path / "config.json").read_text())
    tiny.to_transformers_4(tmp_path, name)
    old = json.loads((tmp_path / "config.json").read_text())
    assert "rope_parameters" in new and "rope_parameters" not in old
    assert read_config(old, "config.json") == read_config(new, "config.json")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bit_checkpoints_are_converted_exactly(dtype, tmp_path):
    import torch
    from transformers import Qwen2ForCausalLM

    tiny.write(tmp_path, "qwen2").to(getattr(torch, dtype)).save_pretrained(tmp_path)
    config, _, params, _ = load_directory(tmp_path)
    model = Qwen2ForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    embedding = model.state_dict()["model.embed_tokens.weight"].numpy()
    assert params["embed"]["embedding"].dtype == jnp.float32
    np.testing.assert_array_equal(params["embed"]["embedding"], embedding)
    assert largest_difference(config, params, tiny.logits(model)) <= TOLERANCE
