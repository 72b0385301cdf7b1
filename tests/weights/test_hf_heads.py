"""Checkpoints that already have a head: token and sequence classifiers, Qwen's reward model."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
import tiny_checkpoints as tiny

from prm_jax.errors import InputError
from prm_jax.models import Decoder, HeadConfig, apply_head
from prm_jax.weights.hf import load_directory
from prm_jax.weights.hf_head import read_head

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


def head_logits(directory):
    config, head, params, _ = load_directory(directory)
    hidden_BTD = Decoder(config).apply({"params": params}, jnp.asarray(tiny.tokens())).hidden_BTD
    return head, np.asarray(apply_head(head, params, hidden_BTD))


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "qwen3", "gemma2"])
@pytest.mark.parametrize("num_labels", [1, 2, 3])
def test_token_classifiers_give_the_logits_of_transformers(name, num_labels, tmp_path):
    model = tiny.write(tmp_path, name, "ForTokenClassification", num_labels=num_labels)
    head, ours = head_logits(tmp_path)
    assert head == HeadConfig("scalar" if num_labels == 1 else "linear", num_labels)
    assert np.abs(ours - tiny.logits(model)).max() <= 2e-4


def test_a_scalar_sequence_classifier_gives_its_logit_at_the_last_token(tmp_path):
    model = tiny.write(
        tmp_path, "qwen2", "ForSequenceClassification", num_labels=1, pad_token_id=95
    )
    head, ours = head_logits(tmp_path)
    assert head == HeadConfig("scalar", bias=False)
    tokens = tiny.tokens()
    assert tokens.max() < 95, "the reference pools at the last token that is not padding"
    assert np.abs(ours[:, -1] - tiny.logits(model)).max() <= 2e-4


@pytest.mark.parametrize("with_lm_head", [False, True])
def test_the_two_layer_head_of_qwens_process_reward_model(with_lm_head, tmp_path):
    from safetensors.torch import save_file

    model = tiny.write(tmp_path, "qwen2", tie_word_embeddings=False)
    torch.manual_seed(3)
    score = torch.nn.Sequential(
        torch.nn.Linear(32, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2)
    ).requires_grad_(False)
    tensors = {f"score.{key}": value for key, value in score.state_dict().items()}
    tensors |= {
        key: value
        for key, value in model.state_dict().items()
        if with_lm_head or not key.startswith("lm_head")
    }
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    values = json.loads((tmp_path / "config.json").read_text())
    values["architectures"] = ["Qwen2ForProcessRewardModel"]
    (tmp_path / "config.json").write_text(json.dumps(values))

    head, ours = head_logits(tmp_path)
    with torch.no_grad():
        states = model.model(torch.from_numpy(tiny.tokens()).long()).last_hidden_state
        reference = score(states).numpy()
    assert head == HeadConfig("mlp", 2)
    assert np.abs(ours - reference).max() <= 2e-4
    assert ("unembed" in load_directory(tmp_path)[2]) == with_lm_head


@pytest.mark.parametrize("names", ["Qwen2ForTokenClassification", [5], {"a": 1}])
def test_classes_are_a_list_of_names(names):
    with pytest.raises(InputError, match="field 'architectures': is .*, not a list .*; write it"):
        read_head({"architectures": names}, {}, "config.json")
    assert read_head({"architectures": None}, {"score.weight": (1, 8)}, "f") is not None
