"""Training an uncertainty head: its features, its loss, and going on after a stop."""

import jax
import numpy as np
import pytest

from prm_jax.data.corpus import make_corpus, read_trajectories
from prm_jax.data.pipeline import batches
from prm_jax.errors import InputError
from prm_jax.models import PRESETS, Decoder, init_params
from prm_jax.models.attention_features import token_features
from prm_jax.models.uncertainty_head import UncertaintyHeadConfig
from prm_jax.records import Trajectory, write_jsonl
from prm_jax.text import CONVENTIONS
from prm_jax.train import added_layers, uncertainty
from prm_jax.train.backbone import byte_tokenizer
from prm_jax.train.uncertainty_features import FeatureFiles
from prm_jax.weights import export
from prm_jax.weights.uncertainty import load_uncertainty_head

SMALL = UncertaintyHeadConfig(d_model=16, n_heads=2, n_layers=1, d_ff=16)


@pytest.fixture(scope="session")
def frozen(tmp_path_factory):
    """A directory with a tiny language model without a head."""
    model = Decoder(PRESETS["tiny-llama"])
    params = init_params(jax.random.key(0), model.config)
    directory = tmp_path_factory.mktemp("models") / "frozen"
    tokenizer = byte_tokenizer()
    export(directory, model, params, tokenizer)
    return directory, model, params, tokenizer


@pytest.fixture
def config(frozen, tmp_path):
    config = uncertainty.default_config()
    config.model = str(frozen[0])
    config.epochs = 3
    config.head.d_model, config.head.n_heads, config.head.n_layers, config.head.d_ff = 16, 2, 1, 16
    config.data.train = str(tmp_path / "train.jsonl")
    config.data.validation = str(tmp_path / "validation.jsonl")
    write_jsonl(config.data.train, _solutions(0, 12))
    write_jsonl(config.data.validation, _solutions(1, 6))
    config.data.rows, config.data.row_length, config.data.max_length = 4, 128, 128
    config.data.max_steps = 16
    config.optimizer.learning_rate = 1e-2
    return config


def _solutions(seed, n):
    """Solutions whose wrong steps repeat a letter."""
    rng = np.random.default_rng(seed)
    solutions = []
    for number in range(n):
        labels = rng.permutation([1.0, 0.0, 1.0, 0.0])[: rng.integers(2, 5)]
        steps = tuple("".join(rng.choice(list("abcdefg" if y else "z"), 9)) for y in labels)
        problem = "".join(rng.choice(list("abcdefg"), 6))
        solutions.append(Trajectory(problem, steps, tuple(labels), id=f"{seed}-{number}"))
    return solutions


def _corpus(frozen, config):
    kept, _ = read_trajectories(config.data.train)
    return make_corpus(kept, frozen[3], CONVENTIONS["trl"], 128)


def test_features_on_the_disk_are_those_of_each_trajectory_alone(frozen, config, tmp_path):
    _, model, params, _ = frozen
    corpus = _corpus(frozen, config)
    files = FeatureFiles(tmp_path, model, params, SMALL)
    files.compute(corpus, config.data)
    (batch,) = list(batches(corpus, 8, 128, 64))[:1]
    attached_BTF = files.attach(batch, corpus)
    assert not attached_BTF[batch["segment_ids"] == 0].any()
    run = jax.jit(lambda batch: token_features(model, params, batch))
    example = int(batch["step_example"][0, 0])
    item = corpus.encoded[example]
    n, ones = len(item.tokens), np.ones((1, len(item.tokens)), np.int32)
    alone = {"tokens": item.tokens[None], "positions": np.arange(n)[None] * ones}
    expected = np.array(run(alone | {"segment_ids": ones}))[0]
    expected[: item.step_starts[0], -SMALL.top_k :] = 0
    np.testing.assert_allclose(attached_BTF[0, :n], expected, atol=1e-3)


def test_only_missing_features_are_computed(frozen, config, tmp_path):
    _, model, params, _ = frozen
    corpus = _corpus(frozen, config)
    files = FeatureFiles(tmp_path, model, params, SMALL)
    files.compute(corpus, config.data)
    first, *others = sorted(files.directory.rglob("*.npz"))
    content, times = first.read_bytes(), [path.stat().st_mtime_ns for path in others]
    first.unlink()
    files.compute(corpus, config.data)
    assert first.read_bytes() == content
    assert [path.stat().st_mtime_ns for path in others] == times
    shape = (config.data.rows, config.data.row_length, config.data.max_steps)
    batch = next(iter(batches(corpus, *shape)))
    files.attach(batch, corpus)
    for path in (first, *others):  # one bit of each
        path.write_bytes(path.read_bytes().replace(b"\x93NUMPY", b"\x93NUMPX"))
    with pytest.raises(InputError, match=r"npz: was damaged and is removed .*makes it again"):
        files.attach(batch, corpus)
    assert len(list(files.directory.rglob("*.npz"))) == len(others)
    other = {**params, "final_norm": {"scale": params["final_norm"]["scale"] + 0.01}}
    assert FeatureFiles(tmp_path, model, other, SMALL).directory != files.directory


def test_a_stopped_run_goes_on_to_the_same_head(config, tmp_path, monkeypatch):
    config.features = str(tmp_path / "features")
    whole = uncertainty.train(config, tmp_path / "whole", progress=False)
    save = added_layers.save

    def save_and_stop(path, state, made_from, history):
        save(path, state, made_from, history)
        if len(history) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(added_layers, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        uncertainty.train(config, tmp_path / "stopped", progress=False)
    monkeypatch.setattr(added_layers, "save", save)
    assert not (tmp_path / "stopped" / "model.safetensors").exists()
    assert uncertainty.train(config, tmp_path / "stopped", progress=False) == whole
    names = ("whole", "stopped")
    heads = [load_uncertainty_head(tmp_path / name)[1] for name in names]
    for one, other in zip(*map(jax.tree.leaves, heads), strict=True):
        np.testing.assert_array_equal(one, other)
    config.wrong_weight = 1.0
    with pytest.raises(InputError, match="wrong_weight: 3.0 before, 1.0 now"):
        uncertainty.train(config, tmp_path / "whole", progress=False)


def test_a_head_learns_what_the_features_show(config, tmp_path):
    config.epochs, config.head.dropout = 12, 0.0
    history = uncertainty.train(config, tmp_path / "run", progress=False)
    assert history[-1]["loss"] < history[0]["loss"] / 2
    assert history[-1]["validation_auroc"] > 0.9


def test_wrong_values_name_their_field(config, tmp_path):
    for key, value in (("epochs", 0), ("head.n_heads", 3), ("model", str(tmp_path))):
        wrong = config.copy_and_resolve_references()
        wrong.update_from_flattened_dict({key: value})
        with pytest.raises(InputError, match=key if key != "model" else str(tmp_path)):
            uncertainty.train(wrong, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
