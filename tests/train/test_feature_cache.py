"""Training over cached states of the frozen layers is training as if they were run every time."""

import json

import jax
import numpy as np
import pytest

from prm_jax.data.pipeline import batches
from prm_jax.errors import InputError
from prm_jax.models import make_mesh
from prm_jax.train import feature_cache, loop
from prm_jax.train.array_file import DONE, VALUES
from prm_jax.train.feature_cache import FeatureCache
from prm_jax.train.setup import make_run


@pytest.fixture
def frozen(config):
    """The configuration with the upper one of two layers trained."""
    config.model.train_layers = 1
    config.model.feature_dtype = "float32"
    return config


def _losses(workdir):
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return np.array([row["loss"] for row in rows]), rows[-1]["validation/loss"]


def _cache(config, workdir, **options):
    mesh = make_mesh(**config.mesh)
    with jax.set_mesh(mesh):
        run = make_run(config, mesh)
        options = {"dtype": "float32", "mesh": mesh, **options}
        return run, FeatureCache(
            workdir, run.corpus, run.backbone.model, run.state, config.data, **options
        )


def test_training_over_cached_states_gives_the_same_losses(frozen, tmp_path):
    loop.train(frozen, tmp_path / "plain", progress=False)
    frozen.model.feature_cache = str(tmp_path / "cache")
    loop.train(frozen, tmp_path / "cached", progress=False)
    (plain, plain_validation), (cached, cached_validation) = (
        _losses(tmp_path / name) for name in ("plain", "cached")
    )
    assert len(plain) == frozen.steps
    np.testing.assert_allclose(cached, plain, rtol=2e-6)
    np.testing.assert_allclose(cached_validation, plain_validation, rtol=2e-6)


def test_states_do_not_depend_on_the_packing_and_padding_is_zero(frozen, tmp_path):
    run, cache = _cache(frozen, tmp_path)
    seen = {}
    for rows in (8, 3):
        shape = (rows, frozen.data.row_length, frozen.data.max_steps)
        for batch in batches(run.corpus, *shape, seed=rows):
            lower_BTD = cache.attach(batch)["lower_BTD"]
            assert not lower_BTD[batch["segment_ids"] == 0].any()
            assert np.abs(lower_BTD[batch["segment_ids"] > 0]).sum(-1).all()
            for row, slot in np.argwhere(batch["step_mask"]):
                key = int(batch["step_example"][row, slot]), int(batch["step_index"][row, slot])
                state_D = lower_BTD[row, batch["step_positions"][row, slot]]
                np.testing.assert_array_equal(seen.setdefault(key, state_D), state_D)
    assert len({example for example, _ in seen}) == len(run.corpus.encoded)


def test_a_cache_that_was_cut_off_or_changed_is_completed(frozen, tmp_path, caplog):
    _, cache = _cache(frozen, tmp_path)
    path = cache.directory / VALUES
    whole = path.read_bytes()
    done = json.loads((cache.directory / DONE).read_text())["batches"]
    assert done > 1
    assert not caplog.messages
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    _cache(frozen, tmp_path)
    assert path.read_bytes() == whole
    assert "is not what was written; computed again from there" in caplog.messages[-1]
    path.write_bytes(whole[:-4])  # a file of another size is begun anew
    _cache(frozen, tmp_path)
    assert path.read_bytes() == whole


def test_other_data_layers_or_dtypes_get_a_cache_of_their_own(frozen, tmp_path):
    names = {_cache(frozen, tmp_path)[1].directory.name}
    names.add(_cache(frozen, tmp_path, dtype="float16")[1].directory.name)
    frozen.model.train_layers = 0
    names.add(_cache(frozen, tmp_path)[1].directory.name)
    frozen.seed = 1  # other random parameters
    names.add(_cache(frozen, tmp_path)[1].directory.name)
    assert len(names) == 4


def test_trained_lower_layers_are_refused(config, tmp_path):
    with pytest.raises(InputError, match="lower layers are trained"):
        _cache(config, tmp_path)


def test_a_state_beyond_float16_is_refused(frozen, tmp_path, monkeypatch):
    monkeypatch.setattr(feature_cache, "_lower", lambda *_: np.full((8, 96, 64), 1e5))
    monkeypatch.setattr(feature_cache.jax, "jit", lambda function, **_: function)
    with pytest.raises(InputError, match="does not fit float16"):
        _cache(frozen, tmp_path, dtype="float16")
