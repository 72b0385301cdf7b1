"""Judged lines are read as they were written, and what is none is refused by its line."""

import json

import numpy as np
import pytest

from prm_jax.calibration.judged import read_judged, solution_line, step_line
from prm_jax.calibration.sdm import Prediction
from prm_jax.errors import InputError
from prm_jax.records import Trajectory, write_jsonl

ROW = {"id": "a", "score": 0.5, "prediction": [1, 0], "admitted": [True, None], "region": [0.9, 0]}


def found(p_right, level):
    """A prediction of rows from their probability and level."""
    p_right, level = np.array(p_right, np.float32), np.array(level, np.float32)
    n = len(p_right)
    return Prediction(
        prediction=(p_right >= 0.5).astype(np.int32),
        probability=np.stack([1 - p_right, p_right], axis=-1),
        q=np.full(n, 3, np.float32),
        d=np.full(n, 0.5, np.float32),
        rescaled=np.ones(n, np.float32),
        level=level,
        admitted=level >= np.float32(0.9),
        admitted_lower=np.zeros(n, bool),
        n_hat=np.ones((n, 2), np.int32),
        ood=np.zeros(n, bool),
        nearest=np.arange(n)[:, None],
        reason=np.array(["admitted"] * n),
    )


def test_a_line_of_steps_is_null_where_a_step_did_not_fit(tmp_path):
    row = Trajectory("p", ("x", "y", "z"), id="a")
    line = step_line(row, found([0.8, 0.4], [0.95, 0]), True, "min", [["b", 0], ["b", 1]])
    write_jsonl(tmp_path / "judged.jsonl", [line])
    (judged,) = read_judged(tmp_path / "judged.jsonl")
    assert judged.level == "step" and judged.prediction == (1, 0, None)
    assert judged.admitted == (True, False, None) and judged.region == (0.95, 0, None)
    assert judged.score == pytest.approx(0.4) and line["truncated"]
    np.testing.assert_allclose(line["probability"][:2], [0.8, 0.6], rtol=1e-6)
    assert line["nearest"] == [[["b", 0]], [["b", 1]], None] and line["step_logits"][2] is None


def test_a_line_of_a_solution_has_single_values(tmp_path):
    row = Trajectory("p", ("x", "y"), id="a")
    line = solution_line(row, found([0.2], [0.9]), False, ["b"])
    assert line["score"] == pytest.approx(0.2) and line["probability"] == pytest.approx(0.8)
    assert line["prediction"] == 0 and line["admitted"] is True and line["nearest"] == ["b"]
    cut = solution_line(Trajectory("p", ("x",), id="b"), found([], []), True)
    assert cut["score"] is None and cut["reason"] is None and cut["truncated"]
    write_jsonl(tmp_path / "judged.jsonl", [line, cut])
    whole, missing = read_judged(tmp_path / "judged.jsonl")
    assert whole.level == missing.level == "solution" and whole.region == (0.9,)
    assert missing.prediction == missing.admitted == missing.region == (None,)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": None}, "field 'id': is missing"),
        ({"id": "a"}, "'a' appears again, first in line 1"),
        ({"prediction": [1]}, "another number of steps"),
        ({"prediction": [1, 0.5]}, "field 'prediction': .* cannot be read"),
        ({"admitted": [1, 0]}, "field 'admitted': .* cannot be read"),
        ({"region": [0.9, 2]}, "field 'region': .* cannot be read"),
        ({"region": 0.9}, "field 'region': does not go with 'admitted'"),
        ({"score": "0.5"}, "field 'score'"),
        (
            {"prediction": 1, "admitted": True, "region": 0.9},
            "judged by solution, the first .* step",
        ),
    ],
)
def test_a_line_that_is_not_judged_is_named(tmp_path, change, words):
    path = tmp_path / "judged.jsonl"
    rows = [ROW, {**ROW, "id": "b", **change}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(InputError, match=f"judged.jsonl:2: .*{words}"):
        read_judged(path)
