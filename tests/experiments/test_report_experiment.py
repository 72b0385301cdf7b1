"""`python -m experiments.report` on files: a page, or one line and exit code 2."""

import json
import subprocess
import sys

import pytest

from prm_jax.errors import InputError
from prm_jax.report.threshold import find_threshold
from prm_jax.weights.threshold import record_threshold

ROW = {"problem": "1+2", "steps": ["1+2=4", "so 4"], "first_error": 0, "id": "x"}
SCORED = {"id": "x", "step_scores": [0.25, 0.875], "score": 0.25}


@pytest.fixture
def run(tmp_path):
    def command(rows, scores):
        for name, content in (("in.jsonl", rows), ("out.jsonl", scores)):
            (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in content))
        flags = [f"--input={tmp_path}/in.jsonl", f"--scores={tmp_path}/out.jsonl"]
        return subprocess.run(
            [sys.executable, "-m", "experiments.report", *flags, f"--output={tmp_path}/r.html"],
            capture_output=True,
            text=True,
            timeout=120,
        )

    return command


def test_a_scored_file_becomes_a_page(run, tmp_path):
    result = run([ROW], [SCORED])
    assert result.returncode == 0, result.stderr
    html = (tmp_path / "r.html").read_text("utf-8")
    assert "1+2=4" in html and "score 0.25" in html and "score 0.875" in html


def test_scores_of_another_file_are_one_line_and_exit_code_2(run, tmp_path):
    result = run([ROW], [SCORED | {"id": "y"}])
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1 and "out.jsonl:1: field 'id'" in result.stderr
    assert not (tmp_path / "r.html").exists()


def test_the_tuned_threshold_is_taken_and_said(tmp_path):
    scores, model, result = tmp_path / "s.jsonl", tmp_path / "model", tmp_path / "r.json"
    model.mkdir()
    assert find_threshold(None, scores) == (0.5, "by default: none was tuned for the model")
    meta = {"model": str(model), "threshold": None}
    (tmp_path / "s.jsonl.meta.json").write_text(json.dumps(meta))
    (model / "prm_jax.json").write_text('{"head": null, "aggregation": "min"}')
    assert find_threshold(None, scores)[0] == 0.5
    record_threshold(model, 0.71, "tuned on gsm8k")
    assert json.loads((model / "prm_jax.json").read_text())["aggregation"] == "min"
    assert find_threshold(None, scores) == (0.71, "tuned on gsm8k")
    meta["threshold"] = {"value": 0.62, "source": "tuned when scored"}
    (tmp_path / "s.jsonl.meta.json").write_text(json.dumps(meta))
    assert find_threshold(None, scores) == (0.62, "tuned when scored")
    assert find_threshold("0.3", scores) == (0.3, "as given")
    result.write_text('{"threshold": {"value": 0.4, "source": "tuned on gsm8k"}}')
    assert find_threshold(str(result), scores) == (0.4, "as r.json records it")
    result.write_text('{"threshold": {"value": 7}}')
    for wrong in ("gsm8k", "1.5", "nan", str(result)):
        with pytest.raises(InputError, match="threshold"):
            find_threshold(wrong, scores)
