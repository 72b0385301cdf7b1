"""`python -m experiments.report` on files: a page, or one line and exit code 2."""

import json
import subprocess
import sys

import pytest

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
