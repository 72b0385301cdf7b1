"""A tiny random model, a byte-level tokenizer and solutions of different lengths."""

import jax
import numpy as np
import pytest
import tokenizers
from tokenizers import decoders, models, pre_tokenizers

from prm_jax.models import PRESETS, Decoder, HeadConfig, init_params
from prm_jax.records import Trajectory
from prm_jax.text import CONVENTIONS, Tokenizer, encode
from prm_jax.weights import export


def byte_tokenizer():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: i for i, character in enumerate(alphabet)}
    backend = tokenizers.Tokenizer(models.BPE(vocabulary, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = Tokenizer(backend)
    tokenizer.convention = CONVENTIONS["trl"]
    return tokenizer


@pytest.fixture
def tokenizer():
    return byte_tokenizer()


@pytest.fixture(scope="session")
def expected(model_and_params, trajectories):
    """Scores f64[all steps]: every trajectory alone, unpadded, through the decoder and numpy."""
    model, params = model_and_params
    tokenizer, rows = byte_tokenizer(), []
    head = jax.tree.map(lambda x: np.asarray(x, np.float64), params["head"])
    apply = jax.jit(lambda tokens_BT: model.apply({"params": params}, tokens_BT).hidden_BTD)
    for trajectory in trajectories:
        encoded = encode(trajectory, tokenizer, tokenizer.convention, 10**6)
        hidden_BTD = np.asarray(apply(encoded.tokens[None]), np.float64)
        logits_SC = hidden_BTD[0, encoded.step_positions] @ head["kernel"] + head["bias"]
        odds_SC = np.exp(logits_SC - logits_SC.max(axis=1, keepdims=True))
        rows.append(odds_SC[:, 1] / odds_SC.sum(axis=1))
    return np.concatenate(rows)


@pytest.fixture(scope="session")
def model_and_params():
    model = Decoder(PRESETS["tiny-llama"], head=HeadConfig("linear", 2))
    params = init_params(jax.random.key(0), model.config, model.head)
    # Fresh heads are so small that every score is near 0.5, which would hide errors.
    params["head"]["kernel"] = 30 * params["head"]["kernel"]
    return model, params


@pytest.fixture(scope="session")
def trajectories():
    rng = np.random.default_rng(0)

    def text(length):
        return "".join(rng.choice(list("abcde 0123=+"), size=length)) + "."

    return [
        Trajectory(
            problem=text(rng.integers(5, 30)),
            steps=tuple(text(rng.integers(1, 30)) for _ in range(rng.integers(1, 8))),
            id=f"t{i}",
        )
        for i in range(12)
    ]


@pytest.fixture
def model_directory(tmp_path, model_and_params, tokenizer):
    directory = tmp_path / "model"
    export(directory, *model_and_params, tokenizer, aggregation="mean")
    return directory
