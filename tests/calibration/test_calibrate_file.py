"""Judging a file: lines as contracted, an estimator that is kept and checked, both levels."""

import json

import jax
import numpy as np
import pytest

from prm_jax.calibration.calibrate_file import calibrate_file, summary
from prm_jax.calibration.judged import read_judged
from prm_jax.calibration.sdm import fit
from prm_jax.calibration.sdm.files import load_sdm, save_sdm
from prm_jax.errors import InputError
from prm_jax.report.judged_rows import judged_rows
from prm_jax.scoring.inputs import read_identified

HYPER = dict(width=8, epochs=3, batch=16, learning_rate=1e-2, min_rows=3, alpha=0.6)


def judged(files, output, **options):
    hyper = {**HYPER, **options.pop("hyper", {})}
    given = (files / "model", files / "labelled.jsonl", files / "labelled.jsonl", output)
    meta = calibrate_file(*given, hyper=hyper, **options)
    return meta, [json.loads(line) for line in output.read_text().splitlines()]


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
    assert meta["model_files"] == {"path": str(files / "model")}
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


@pytest.mark.parametrize("level", ["step", "solution"])
def test_baselines_are_those_of_the_same_rows_and_halves(files, tmp_path, level):
    output, names = tmp_path / "out.jsonl", ["softmax", "isotonic"]
    plain, without = judged(files, output, level=level)
    meta, lines = judged(files, output, level=level, baselines=names)
    assert list(meta["baselines"]) == names and plain["baselines"] == {}
    own = [{k: v for k, v in line.items() if k != "baselines"} for line in lines]
    assert own == without  # though the estimator was kept and not fitted again
    trajectories = read_identified(files / "labelled.jsonl", "auto", None)
    rows = judged_rows(trajectories, lines)
    assert list(rows.baselines) == names
    for name in names:
        of = rows.labelled(name)
        assert len(of.label) == len(rows.labelled().label) > 0
        np.testing.assert_array_equal(of.probability.argmax(1), of.prediction)
        np.testing.assert_allclose(of.score, of.of_prediction)
        np.testing.assert_array_equal(of.admitted, of.score >= HYPER["alpha"])


def test_unknown_baselines_are_refused_at_once(files, tmp_path):
    with pytest.raises(InputError, match="unknown baseline 'magic'"):
        judged(files, tmp_path / "out.jsonl", baselines=["magic"])


def test_every_level_promises_what_its_calibration_rows_show(files, tmp_path):
    meta, _ = judged(files, tmp_path / "out.jsonl")
    assert [promise["alpha"] for promise in meta["promises"]] == [
        region["alpha"] for region in meta["regions"]
    ]
    for promise in meta["promises"]:
        for cell in promise["rows"]:
            assert cell["low"] <= cell["right"] / max(cell["rows"], 1) <= cell["high"] or (
                not cell["rows"]
            )
    first = meta["promises"][0]
    told = summary(meta).splitlines()
    assert told[0].startswith(f"{first['alpha']:g}: {first['share']:.1%} of the calibration half")
    assert told[-1].endswith(f"{meta['admitted']} of 120 steps admitted")
    few, _ = judged(files, tmp_path / "few.jsonl", hyper={"min_rows": 10**6})
    assert few["promises"] == [] and "nothing is admitted" in summary(few)


def test_each_solution_is_judged_as_one(files, tmp_path):
    meta, lines = judged(files, tmp_path / "out.jsonl", level="solution", nearest=2)
    assert meta["level"] == "solution" and meta["solutions"] == 40 and "steps" not in meta
    assert meta["admitted"] == sum(line["admitted"] for line in lines)
    for line in lines:
        assert "step_scores" not in line and not line["truncated"]
        assert line["prediction"] in (0, 1) and isinstance(line["reason"], str)
        assert line["probability"] == pytest.approx(max(line["score"], 1 - line["score"]), abs=1e-5)
        assert len(line["nearest"]) == 2 and set(line["nearest"]) <= {f"r{i}" for i in range(40)}
    # The outcome says whether the last step is in capitals, so the nearest end alike.
    texts = {r["id"]: r["steps"][-1] for r in map(json.loads, (files / "labelled.jsonl").open())}
    alike = [texts[line["nearest"][0]] == texts[line["id"]] for line in lines]
    assert np.mean(alike) > 0.8


def test_a_solution_that_does_not_fit_is_not_judged_as_one(files, tmp_path):
    long = tmp_path / "long.jsonl"
    row = {"id": "a", "problem": "p", "steps": ["so it is", "x" * 2000]}
    long.write_text(json.dumps(row) + "\n" + json.dumps({**row, "id": "b", "steps": ["so"]}) + "\n")
    given = (files / "model", files / "labelled.jsonl", long, tmp_path / "out.jsonl")
    for level, count in (("solution", 1), ("step", 2)):
        meta = calibrate_file(*given, hyper=HYPER, level=level, nearest=1, max_length=128)
        assert meta[f"{level}s"] == count
        cut, whole = read_judged(tmp_path / "out.jsonl")
        assert None in cut.admitted and None not in whole.admitted
        assert (cut.score is None) == (level == "solution") and cut.level == level


def test_features_that_are_kept_judge_alike_and_the_model_runs_no_more(
    files, tmp_path, monkeypatch
):
    for level in ("step", "solution"):
        options = dict(level=level, sdm_directory=tmp_path / level)
        _, fresh = judged(files, tmp_path / "fresh.jsonl", **options)
        _, first = judged(files, tmp_path / "first.jsonl", **options, cache=tmp_path / "cache")
        assert fresh == first
    monkeypatch.setattr("prm_jax.calibration.feature_cache.encoded_features", None)
    _, again = judged(files, tmp_path / "again.jsonl", level="solution", cache=tmp_path / "cache")
    assert [line["id"] for line in again] == [f"r{i}" for i in range(40)]


def test_the_record_says_of_every_level_why_it_has_no_region(files, tmp_path):
    few, _ = judged(files, tmp_path / "few.jsonl", hyper={"min_rows": 10**6, "ladder": 0.1})
    assert few["regions"] == [] and few["min_rows"] == 10**6 and not few["admitted"]
    assert [level["alpha"] for level in few["without_region"]] == [0.9, 0.8, 0.7, 0.6]
    for level in few["without_region"]:
        rows = level["rows"]
        assert level["reason"] == ("no region" if rows is None else "too few rows")
    assert any(level["rows"] for level in few["without_region"])


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
    with pytest.raises(InputError, match="no solution has an outcome"):
        calibrate_file(*given, hyper=HYPER, level="solution")
    with pytest.raises(InputError, match="field 'max_length': no solution fits"):
        long = tmp_path / "long.jsonl"
        long.write_text(json.dumps({"id": "a", "problem": "p", "steps": ["so", "x" * 2000]}) + "\n")
        given = (files / "model", files / "labelled.jsonl", long, tmp_path / "out.jsonl")
        calibrate_file(*given, hyper=HYPER, level="solution", max_length=128)
    with pytest.raises(InputError, match="unknown level 'token'; step or solution"):
        judged(files, tmp_path / "out.jsonl", level="token")
    with pytest.raises(InputError, match="unknown hyperparameter"):
        judged(files, tmp_path / "out.jsonl", hyper={"depth": 3})
    assert not (tmp_path / "out.jsonl").exists()
