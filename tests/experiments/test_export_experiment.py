"""`experiments.export` keeps what the record of a model says."""

import json
import resource
import shutil

import pytest

ROW = {
    "idx": "q",
    "question": "2 + 3?",
    "original_process": ["2 + 3 = 5"],
    "modified_process": ["2 + 3 = 6", "6"],
    "error_steps": [1],
    "classification": "circular",
}


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


NAMES = {"under a file": "file/out", "a file": "file", "too long": "x" * 300}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["export", "build_dataset"])
def test_a_place_that_cannot_be_written_is_one_line(command, model_directory, tmp_path, kind, name):
    (tmp_path / "file").write_text("mine")
    given = {"export": f"--model={model_directory}", "build_dataset": "--dataset=prmbench"}[kind]
    done = command(kind, given, f"--output={tmp_path / NAMES[name]}")
    assert done.code == 2 and done.err.startswith(f"error: {tmp_path}/"), done.err
    assert done.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("kind", ["export", "build_dataset"])
def test_a_full_disk_is_one_line(command, model_directory, tmp_path, kind):
    rows = [ROW | {"idx": f"q{number}"} for number in range(50)]
    (tmp_path / "in").mkdir()
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "in" / "prmbench_preview.jsonl").write_text(text)
    flags = {
        "export": [f"--model={model_directory}"],
        "build_dataset": ["--dataset=prmbench", f"--manual_dir={tmp_path}/in"],
    }[kind]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        done = command(kind, *flags, f"--output={tmp_path}/out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert done.code == 2, done.err
    assert f"error: {tmp_path}/out" in done.err, done.err
    assert ": cannot be written: file too large" in done.err and "make room and" in done.err
    assert "Traceback" not in done.err
    left = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not [path for path in left if path.suffix in (".safetensors", ".array_record")]
