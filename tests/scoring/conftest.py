"""A tiny random model, a byte-level tokenizer and solutions of different lengths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tokenizers
from tokenizers import decoders, models, pre_tokenizers

from prm_jax.models import PRESETS, Decoder, HeadConfig, init_lora, init_params
from prm_jax.models.attention_features import n_features
from prm_jax.models.mixture_of_experts import init_mixture
from prm_jax.models.uncertainty_head import UncertaintyHeadConfig, init_uncertainty_head
from prm_jax.records import Trajectory
from prm_jax.text import CONVENTIONS, Tokenizer, encode
from prm_jax.weights import export
from prm_jax.weights.fingerprint import frozen_fingerprint
from prm_jax.weights.mixture import Mixture, save_mixture
from prm_jax.weights.uncertainty import save_uncertainty_head


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


@pytest.fixture(scope="session")
def uncertainty_head(tmp_path_factory, model_and_params):
    """A directory with an untrained uncertainty head for the tiny model."""
    model, params = model_and_params
    config = UncertaintyHeadConfig(d_model=8, n_heads=2, n_layers=1, d_ff=12)
    head = init_uncertainty_head(jax.random.key(2), config, n_features(model.config))
    directory = tmp_path_factory.mktemp("heads") / "uhead"
    save_uncertainty_head(directory, config, head, record_of_tiny(params))
    return directory


@pytest.fixture(scope="session")
def mixture_directory(uncertainty_head, model_and_params):
    """A directory, beside the head's, with an untrained mixture of two and of one expert."""
    model, params = model_and_params
    mixed = init_mixture(jax.random.key(3), model.config.d_model, (2, 1))
    mixed = jax.tree.map(lambda x: x if x.ndim == 1 else 20 * x, mixed)

    def expert(seed):
        adapters = init_lora(jax.random.key(seed), params, 2, 4, (r"attn/[qv]/kernel",))
        return jax.tree.map(
            lambda x: x + 0.1 * jnp.cos(jnp.arange(x.size)).reshape(x.shape), adapters
        )

    groups = [[expert(4), expert(5)], [expert(6)]]
    mixed["experts"] = {
        str(number): jax.tree.map(lambda *x: jnp.stack(x), *group)
        for number, group in enumerate(groups)
    }
    directory = uncertainty_head.parent / "dmoerm"
    save_mixture(directory, Mixture(("sums", "words"), mixed, record_of_tiny(params)))
    return directory


def record_of_tiny(params):
    """What a run on the tiny model says of it."""
    return {
        "model": "tiny",
        "dtype": "float32",
        "model_fingerprint": frozen_fingerprint(params),
        "convention": CONVENTIONS["trl"].to_dict(),
    }
