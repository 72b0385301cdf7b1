"""Kept features are those that would be computed, for the same model and tokens and no other."""

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from prm_jax.calibration import feature_cache
from prm_jax.calibration.feature_cache import cached_step_features
from prm_jax.calibration.features import step_features
from prm_jax.records import Trajectory

ROWS = [Trajectory(f"p{i}", ("one", "two", "so 3")[: 1 + i % 3]) for i in range(7)]


@pytest.fixture(autouse=True)
def parts_of_three(monkeypatch):
    monkeypatch.setattr(feature_cache, "PART", 3)


def kept(directory, model, rows=ROWS, **options):
    return cached_step_features(directory, *model, rows, **options)


def assert_same(found, expected):
    for (rows, cut), (rows_, cut_) in zip(found, expected, strict=True):
        np.testing.assert_allclose(rows, rows_, atol=1e-5)
        assert cut == cut_ and rows.dtype == np.float32


def test_what_is_read_is_what_is_computed(tmp_path, model):
    expected = step_features(*model, ROWS)
    first, hits = kept(tmp_path, model)
    assert hits == 0
    assert_same(first, expected)
    done = []
    again, hits = kept(tmp_path, model, progress=done.append)
    assert hits == 7 and sum(done) == 7
    for (rows, _), (rows_, _) in zip(first, again, strict=True):
        np.testing.assert_array_equal(rows, rows_)
    assert len(list(tmp_path.rglob("*.safetensors"))) == 3


def test_a_run_that_was_stopped_goes_on_with_what_is_missing(tmp_path, model, monkeypatch):
    compute, parts = feature_cache.encoded_features, []

    def until_the_third(*given, **options):
        if len(parts) == 2:
            raise KeyboardInterrupt
        parts.append(given)
        return compute(*given, **options)

    monkeypatch.setattr(feature_cache, "encoded_features", until_the_third)
    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path, model)
    monkeypatch.setattr(feature_cache, "encoded_features", compute)
    found, hits = kept(tmp_path, model)
    assert hits == 6
    assert_same(found, step_features(*model, ROWS))


def cut(path):
    path.write_bytes(path.read_bytes()[:-4])


def flip(path):
    path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))


def without_checksum(path):
    save_file(load_file(path), path)


@pytest.mark.parametrize("damage", [cut, flip, without_checksum])
def test_a_damaged_file_is_computed_again_with_a_warning(damage, tmp_path, model, caplog):
    kept(tmp_path, model)
    assert not caplog.messages
    one = min(tmp_path.rglob("*.safetensors"))
    damage(one)
    found, hits = kept(tmp_path, model)
    assert hits < 7
    assert caplog.messages[-1].startswith(f"{one}: is not what was written")
    assert_same(found, step_features(*model, ROWS))
    assert kept(tmp_path, model)[1] == 7


def test_another_model_layer_text_or_length_is_not_read(tmp_path, model):
    decoder, params, tokenizer = model
    kept(tmp_path, model)
    other = jax.tree.map(lambda x: x, params)
    other["embed"] = jax.tree.map(lambda x: x * 1.0001, params["embed"])
    assert kept(tmp_path, (decoder, other, tokenizer))[1] == 0
    assert kept(tmp_path, model, layers=1)[1] == 0
    assert kept(tmp_path, model, layers=decoder.config.n_layers)[1] == 7  # which is all
    cut, hits = kept(tmp_path, model, max_length=7)
    assert hits < 7
    assert_same(cut, step_features(*model, ROWS, max_length=7))
    # The same tokens in other steps are other rows.
    moved = [*ROWS[:6], Trajectory("p6", ("o", "ne"))]
    assert kept(tmp_path, model, moved)[1] == 6
    # Whatever is not read by the model does not count.
    renamed = [Trajectory(t.problem, t.steps, outcome=1.0, id="x") for t in ROWS]
    assert kept(tmp_path, model, renamed)[1] == 7
