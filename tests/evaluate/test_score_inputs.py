import json
from pathlib import Path

import pytest

from prm_jax.errors import InputError
from prm_jax.evaluate.evaluate_file import evaluate_file
from prm_jax.evaluate.inputs import read_scores, stored_scores
from prm_jax.records import Trajectory


@pytest.fixture
def rows(solution):
    return [solution(2, id=name) for name in "abc"]


@pytest.fixture
def scores_file(tmp_path):
    def write(*lines):
        path = tmp_path / "scores.jsonl"
        path.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
        return path

    return write


def line(name, *scores):
    return {"id": name, "step_scores": list(scores or (0.5, 0.6))}


def test_scores_are_joined_in_order(rows, scores_file):
    path = scores_file(line("a", 0.1, None), line("b", 1, 0), line("c"))
    assert read_scores(path, rows) == [[0.1, None], [1, 0], [0.5, 0.6]]


@pytest.mark.parametrize(
    "lines, message",
    [
        ([line("a"), line("c"), line("b")], r"scores.jsonl:2: field 'id': 'c' where .* 'b'"),
        ([line("a"), line("a"), line("c")], r"scores.jsonl:2: .*again, first in line 1"),
        ([line("a"), line("x"), line("c")], r"scores.jsonl:2: .*not in the input"),
        ([line("a"), line("b")], r"2 lines for 3 solutions; 'c' is the first without"),
        ([line("a"), line("b"), line("c"), line("c")], r"scores.jsonl:4: .*again"),
        ([line("a", 0.5)], r"field 'step_scores': is a list of 1, .* 2"),
        ([{"id": "a"}], r"field 'step_scores': is NoneType"),
        ([line("a", 0.5, 1.5)], r"step_scores\[1\]': 1.5 is not a number in \[0, 1\]"),
        ([line("a", 0.5, float("nan"))], r"step_scores\[1\]"),
        ([line("a", 0.5, True)], r"step_scores\[1\]"),
        ([{"step_scores": [0.5, 0.5]}], r"field 'id': is missing"),
        ([[1]], r"field 'id': is missing"),
    ],
)
def test_scores_that_do_not_fit_name_line_and_reason(rows, scores_file, lines, message):
    with pytest.raises(InputError, match=message):
        read_scores(scores_file(*lines), rows)


def test_stored_scores_come_from_the_row_or_its_scores(rows):
    steps = ("s", "t")
    rows = [
        Trajectory("p", steps, id="a", meta={"prm": [0.1, None], "scores": {"prm": [1, 1]}}),
        Trajectory("p", steps, id="b", meta={"scores": {"prm": 3.5}}),
    ]
    assert stored_scores("prm", rows, "f") == [[0.1, None], 3.5]


@pytest.mark.parametrize(
    "meta, message",
    [
        ({"scores": {"other": [1, 1]}}, "row 'a' holds no scores 'prm'; it has other"),
        ({"prm": [0.5]}, "is a list of 1, not one number per step of 2"),
        ({"prm": "high"}, "is str"),
        ({"prm": float("inf")}, "not finite"),
    ],
)
def test_missing_or_odd_stored_scores_are_named(meta, message):
    with pytest.raises(InputError, match=message):
        stored_scores("prm", [Trajectory("p", ("s", "t"), id="a", meta=meta)], "f")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"task": "prmbench"}, "unknown task"),
        ({"scores_key": None}, "either scores or scores_key"),
        ({"scores": "x.jsonl"}, "either scores or scores_key"),
        ({"draws": 3}, "field 'draws': task steps has no such option"),
        ({"scores_key": "one"}, "needs a score a step"),
    ],
)
def test_bad_options_are_named(tmp_path, options, message):
    path = tmp_path / "in.jsonl"
    row = {"problem": "p", "steps": ["s"], "labels": [1], "prm": [0.5], "one": 0.5}
    path.write_text(json.dumps(row) + "\n")
    options = {"task": "steps", "scores_key": "prm", **options}
    with pytest.raises(InputError, match=message):
        evaluate_file(options.pop("task"), path, **options)


def test_a_result_records_what_it_was_made_from(tmp_path, scores_file):
    path = tmp_path / "in.jsonl"
    path.write_text('{"problem": "p", "steps": ["s", "t"], "labels": [1, 0]}\n')
    scores = scores_file(line("in.jsonl:1"))
    result = evaluate_file("steps", path, scores=scores, n_boot=7, seed=5)
    assert result["task"] == "steps"
    assert result["bootstrap"]["n_boot"] == 7 and result["bootstrap"]["seed"] == 5
    assert len(result["run"]["input_sha256"]) == len(result["run"]["scores_sha256"]) == 64
    assert result["run"]["versions"]["numpy"]
    json.dumps(result, allow_nan=False)
    assert result["run"]["model_files"] is None
    Path(f"{scores}.meta.json").write_text('{"model_files": {"path": "models/one"}}')
    result = evaluate_file("steps", path, scores=scores, n_boot=7, seed=5)
    assert result["run"]["model_files"] == {"path": "models/one"}
