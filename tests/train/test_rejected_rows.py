"""Training on a file with bad rows: stopped at the first, or trained without them on the record."""

import json

import pytest

from prm_jax.errors import InputError
from prm_jax.train import loop

BAD = ('{"problem": "p", "steps": []}', "{broken")


@pytest.fixture
def config(config, solutions):
    """`solutions` with a bad row at its start and one at its end."""
    solutions.write_text("\n".join([BAD[0], solutions.read_text().strip(), BAD[1]]) + "\n")
    config.steps = 1
    return config


def test_the_first_bad_row_stops_a_run_before_anything_is_written(config, tmp_path):
    with pytest.raises(InputError) as caught:
        loop.train(config, tmp_path / "run", progress=False)
    assert "solutions.jsonl:1: field 'steps'" in str(caught.value)
    assert str(caught.value).endswith("or leave such rows out with data.skip_bad")
    assert not (tmp_path / "run").exists()


def test_bad_rows_are_left_out_counted_and_written_and_the_same_when_continued(
    config, tmp_path, capfd
):
    config.data.skip_bad = True
    workdir = tmp_path / "run"
    rejects = workdir / "rejects" / "train.jsonl"
    loop.train(config, workdir)
    assert f"; 2 bad rows were left out, see {rejects}\n" in capfd.readouterr().err
    report = json.loads((workdir / "data_report.json").read_text())
    assert [report[part]["rejected"] for part in ("train", "validation")] == [2, 0]
    assert sum(part["trajectories"] for part in report.values()) == 60
    written = rejects.read_bytes()
    rows = [json.loads(line) for line in written.splitlines()]
    assert [(row["line"], row["row"]) for row in rows] == [(1, BAD[0]), (62, BAD[1])]
    assert "field 'steps': is empty" in rows[0]["error"] and "not JSON" in rows[1]["error"]
    assert [path.name for path in rejects.parent.iterdir()] == ["train.jsonl"]
    rejects.unlink()
    loop.train(config, workdir, progress=False)
    assert rejects.read_bytes() == written


def test_bad_rows_of_the_validation_file_have_a_file_of_their_own(config, solutions, tmp_path):
    good = "\n".join(solutions.read_text().splitlines()[1:9])
    validation = tmp_path / "validation.jsonl"
    validation.write_text(f"{good}\n{BAD[1]}\n")
    config.data.validation, config.data.skip_bad = str(validation), True
    loop.train(config, tmp_path / "run", progress=False)
    report = json.loads((tmp_path / "run" / "data_report.json").read_text())
    assert [report[part]["rejected"] for part in ("train", "validation")] == [2, 1]
    (row,) = (tmp_path / "run" / "rejects" / "validation.jsonl").read_text().splitlines()
    assert json.loads(row)["file"] == str(validation)


def test_nothing_is_written_when_a_later_check_fails(config, tmp_path):
    config.data.skip_bad = True
    config.data.max_length = config.data.row_length = 16
    with pytest.raises(InputError, match="keeps no label"):
        loop.train(config, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_held_out_solutions_that_do_not_fit_stop_a_run_before_anything_is_written(config, tmp_path):
    config.data.skip_bad = True
    long = tmp_path / "long.jsonl"
    long.write_text(json.dumps({"problem": "p", "steps": ["a"] * 20, "labels": [1] * 20}) + "\n")
    config.data.validation = str(long)
    with pytest.raises(InputError, match="20 steps, more than the 16 of a row"):
        loop.train(config, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_file_of_bad_rows_only_cannot_be_trained_on(config, solutions, tmp_path):
    config.data.skip_bad = True
    solutions.write_text("\n".join(BAD))
    with pytest.raises(InputError, match="no row could be read; the first of 2 refused: .*jsonl:1"):
        loop.train(config, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
