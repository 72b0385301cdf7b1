"""Judging a file: features by numpy, lines as contracted, an estimator that is kept and checked."""

import json

import jax
import numpy as np
import pytest

from prm_jax.calibration.calibrate_file import calibrate_file
from prm_jax.calibration.features import step_features
from prm_jax.calibration.sdm import fit
from prm_jax.calibration.sdm.files import load_sdm, save_sdm
from prm_jax.errors import InputError
from prm_jax.models import PRESETS, Decoder, init_params
from prm_jax.records import Trajectory
from prm_jax.text import CONVENTIONS, encode
from prm_jax.train.backbone import byte_tokenizer
from prm_jax.weights import export

HYPER = dict(width=8, epochs=3, batch=16, learning_rate=1e-2, min_rows=3, alpha=0.6)


@pytest.fixture(scope="module")
def model():
    tokenizer = byte_tokenizer()
    tokenizer.convention = CONVENTIONS["trl"]
    params = init_params(jax.random.key(0), PRESETS["tiny-llama"])
    return Decoder(PRESETS["tiny-llama"]), params, tokenizer


@pytest.fixture(scope="module")
def files(tmp_path_factory, model):
    """A model's directory, and 40 labelled solutions whose wrong steps are capitals."""
    folder = tmp_path_factory.mktemp("calibrate")
    export(folder / "model", *model)
    rng = np.random.default_rng(0)
    with (folder / "labelled.jsonl").open("w") as file:
        for i in range(40):
            labels = rng.integers(0, 2, 3).tolist()
            steps = ["so it is" if label else "SO IT IS" for label in labels]
            row = {"id": f"r{i}", "problem": f"problem {i // 2}", "steps": steps, "labels": labels}
            file.write(json.dumps(row) + "\n")
    return folder


def judged(files, output, **options):
    hyper = {**HYPER, **options.pop("hyper", {})}
    given = (files / "model", files / "labelled.jsonl", files / "labelled.jsonl", output)
    meta = calibrate_file(*given, hyper=hyper, **options)
    return meta, [json.loads(line) for line in output.read_text().splitlines()]


def test_features_are_the_state_at_the_end_and_the_mean_of_the_solution_so_far(model):
    decoder, params, tokenizer = model
    rows = [Trajectory("2+2", ("so 4", "then 5")), Trajectory("x", ("one", "two", "three"))]
    found = step_features(decoder, params, tokenizer, rows)
    for trajectory, (features, truncated) in zip(rows, found, strict=True):
        item = encode(trajectory, tokenizer, tokenizer.convention, 1000)
        states = np.asarray(decoder.apply({"params": params}, item.tokens[None]).hidden_BTD[0])
        for step, end in enumerate(item.step_positions):
            mean = states[item.step_starts[0] : end + 1].mean(0)
            expected = np.concatenate([states[end], mean])
            np.testing.assert_allclose(features[step], expected, atol=1e-5)
        assert features.shape == (len(trajectory.steps), 64) and not truncated


def test_lower_layers_give_other_features_and_a_cut_solution_fewer(model):
    row = Trajectory("2+2", ("so 4", "then 5"))
    ((all_layers, _),) = step_features(*model, [row])
    ((one_layer, _),) = step_features(*model, [row], layers=1)
    assert np.abs(all_layers - one_layer).max() > 1e-3
    ((cut, truncated),) = step_features(*model, [row], max_length=9)
    assert truncated and cut.shape == (1, 64)
    np.testing.assert_allclose(cut[0], all_layers[0], atol=1e-5)


def test_each_step_of_each_line_is_judged(files, tmp_path):
    meta, lines = judged(files, tmp_path / "out.jsonl", nearest=2)
    assert (
        meta["rows"] == 40 and meta["steps"] == 120 and [r["id"] for r in lines][:2] == ["r0", "r1"]
    )
    names = ("probability", "admitted", "region", "q", "d", "ood", "reason", "step_scores")
    for line in lines:
        assert all(len(line[name]) == 3 for name in names)
        for p, right in zip(line["probability"], line["step_scores"], strict=True):
            assert p == pytest.approx(max(right, 1 - right), abs=1e-5) and 0 <= right <= 1
        assert line["score"] == pytest.approx(min(line["step_scores"]))
    assert meta["admitted"] == sum(map(sum, (line["admitted"] for line in lines)))
    # Equal texts have equal states at the first step, so the nearest step says the same.
    texts = {r["id"]: r["steps"] for r in map(json.loads, (files / "labelled.jsonl").open())}
    name, step = lines[0]["nearest"][0][0]
    assert texts[name][step] == texts["r0"][0]


def test_an_estimator_is_kept_and_fitted_again_for_anything_else(files, tmp_path):
    first, lines = judged(files, tmp_path / "out.jsonl")
    made = (tmp_path / "out.jsonl.sdm/model.safetensors").stat().st_mtime_ns
    again, lines_ = judged(files, tmp_path / "out.jsonl")
    assert lines == lines_ and first == again
    assert (tmp_path / "out.jsonl.sdm/model.safetensors").stat().st_mtime_ns == made
    judged(files, tmp_path / "out.jsonl", layers=1)
    assert (tmp_path / "out.jsonl.sdm/model.safetensors").stat().st_mtime_ns != made


def test_an_estimator_comes_back_from_its_files_as_it_was(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 80)
    sdm = fit(rng.normal(size=(80, 4)) + labels[:, None], labels, np.arange(80), **HYPER)
    save_sdm(tmp_path / "sdm", sdm, {"of": "noise"})
    again, record = load_sdm(tmp_path / "sdm")
    assert record["of"] == "noise"
    jax.tree.map(np.testing.assert_array_equal, sdm, again)
    with pytest.raises(InputError, match="holds no SDM"):
        load_sdm(tmp_path)


def test_what_cannot_be_judged_is_refused_and_leaves_no_output(files, tmp_path):
    unlabelled = tmp_path / "unlabelled.jsonl"
    unlabelled.write_text('{"id": "a", "problem": "p", "steps": ["x"]}\n')
    with pytest.raises(InputError, match="no step has a label"):
        given = (files / "model", unlabelled, unlabelled, tmp_path / "out.jsonl")
        calibrate_file(*given, hyper=HYPER)
    with pytest.raises(InputError, match="unknown hyperparameter"):
        judged(files, tmp_path / "out.jsonl", hyper={"depth": 3})
    assert not (tmp_path / "out.jsonl").exists()
