"""What a command can refuse without a model it refuses before a model is loaded."""

import json
import sys
from pathlib import Path

import pytest

from prm_jax.calibration import calibrate_file
from prm_jax.errors import InputError
from prm_jax.evaluate.evaluate_file import evaluate_file
from prm_jax.scoring import score_file
from prm_jax.study import data as study_data
from prm_jax.train import backbone, mixture, uncertainty

ROOT = Path(__file__).resolve().parents[2]
ROW = {"problem": "1+2", "steps": ["1+2=3"], "labels": [1], "outcome": 1}
MISSING = "missing.jsonl: no such file or directory"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory with rows, in which no model can be loaded."""

    def load(*_, **__):
        raise AssertionError("a model is loaded")

    for module in (calibrate_file, score_file, backbone, mixture, uncertainty):
        monkeypatch.setattr(module, "load_model", load)
    (tmp_path / "good.jsonl").write_text(json.dumps(ROW) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(result, text):
    assert result.code == 2 and text in result.err and result.err.count("\n") == 1, result.err


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--input=missing.jsonl"], MISSING),
        (["--input=missing.jsonl", "--scorer=ensemble(orm, model(path=other))"], MISSING),
        (["--format=other"], "unknown format 'other'"),
        (["--convention=other"], "other"),
        (["--aggregation=other"], "other"),
        (["--scorer=other"], "other"),
    ],
)
def test_score_refuses_before_it_loads(command, place, flags, text):
    given = ["--model=tiny", "--input=good.jsonl", "--output=out.jsonl", *flags]
    refused(command("score", *given), text)


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--calibration=missing.jsonl"], MISSING),
        (["--format=other"], "unknown format 'other'"),
        (["--convention=other"], "other"),
        (["--aggregation=other"], "other"),
        (["--baselines=other"], "unknown baseline 'other'"),
    ],
)
def test_calibrate_refuses_before_it_loads(command, place, flags, text):
    given = ["--model=tiny", "--calibration=good.jsonl", "--input=good.jsonl"]
    refused(command("calibrate", *given, "--output=out.jsonl", *flags), text)


def test_calibrate_misses_scikit_learn_before_it_loads(command, place, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    given = ["--model=tiny", "--calibration=good.jsonl", "--input=good.jsonl"]
    given += ["--output=out.jsonl", "--baselines=softmax"]
    refused(command("calibrate", *given), "scikit-learn")


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--config.data.train=missing.jsonl"], MISSING),
        (["--config.data.train=good.jsonl?exclude=missing.jsonl"], MISSING),
        (["--config.data.train=good.jsonl?format=other"], "unknown format 'other'"),
        (["--config.data.validation=missing.jsonl"], MISSING),
        (["--config.data.format=other", "--config.data.train=good.jsonl"], "unknown format"),
        (["--config.data.convention=other"], "other"),
    ],
)
def test_train_refuses_before_it_loads(command, place, flags, text):
    given = [f"--config={ROOT}/configs/tiny.py", "--workdir=run", "--config.model.name=tiny"]
    refused(command("train", *given, *flags), text)
    assert not (place / "run").exists()


@pytest.mark.parametrize("train", [mixture, uncertainty])
def test_training_of_added_layers_refuses_before_it_loads(place, train):
    config = train.default_config()
    config.data.train = "missing.jsonl"
    with pytest.raises(InputError, match=MISSING):
        train.train(config, place / "run", progress=False)


def test_a_study_makes_no_problems_before_its_files_are_there(place, monkeypatch):
    from configs import smollm2_135m_mix

    monkeypatch.setattr(study_data, "make_trajectories", None)
    with pytest.raises(InputError, match="no such file or directory"):
        study_data.make_parts(smollm2_135m_mix.get_config())


def test_evaluate_reads_no_rows_before_the_scores_are_there(place, monkeypatch):
    monkeypatch.setattr("prm_jax.evaluate.evaluate_file.read_identified", None)
    with pytest.raises(InputError, match=MISSING):
        evaluate_file("steps", "good.jsonl", scores="missing.jsonl")


def test_select_reads_no_rows_before_the_judged_file_is_there(command, place, monkeypatch):
    monkeypatch.setattr("prm_jax.calibration.select_file.read_identified", None)
    given = [f"--config={ROOT}/configs/selective.py:best_of_n", "--output=out.json"]
    refused(command("select", *given, "--reference=good.jsonl", "--input=missing.jsonl"), MISSING)
