"""`experiments.export` keeps what the record of a model says."""

import json
import shutil

import pytest


@pytest.mark.parametrize("convention", [None, "last_token"])
def test_the_record_of_the_training_and_the_threshold_go_along(
    command, model_directory, tmp_path, convention
):
    model = shutil.copytree(model_directory, tmp_path / "model")
    record = json.loads((model / "prm_jax.json").read_text())
    kept = {
        "training": {"record": {"code": "a1"}},
        "threshold": {"value": 0.25, "source": "tuned"},
        "aggregation": "mean",
    }
    (model / "prm_jax.json").write_text(json.dumps(record | kept))
    flags = [f"--model={model}", f"--output={tmp_path}/exported"]
    done = command("export", *flags, *([f"--convention={convention}"] if convention else []))
    assert done.code == 0, done.err
    exported = json.loads((tmp_path / "exported" / "prm_jax.json").read_text())
    if convention:  # scores at other places have another threshold
        kept.pop("threshold")
        assert "threshold" not in exported
    assert {name: exported[name] for name in kept} == kept
