"""`python -m experiments.calibrate` at both levels, then `experiments.select` on what it judged."""

import json
from pathlib import Path

import numpy as np
import pytest

from prm_jax.records import write_jsonl

CONFIG = f"--config={Path(__file__).parents[2]}/configs/selective.py"
HYPER = dict(width=8, epochs=3, batch=16, learning_rate=1e-2, min_rows=2)


@pytest.fixture
def labelled(tmp_path):
    """Four candidates each of ten problems; wrong steps are capitals, the last says the outcome."""
    rng, path = np.random.default_rng(0), tmp_path / "labelled.jsonl"
    rows = []
    for i in range(40):
        labels = rng.integers(0, 2, 2).tolist()
        steps = ["so it is" if label else "SO IT IS" for label in labels]
        row = {"id": f"r{i}", "problem": f"problem {i // 4}", "steps": steps, "labels": labels}
        rows.append({**row, "outcome": labels[-1]})
    write_jsonl(path, rows)
    return path


def test_what_is_judged_can_be_selected_from(command, tmp_path, labelled, model_directory):
    for level, rule, count in (
        ("step", "last_step", "80 steps"),
        ("solution", "solution", "40 solutions"),
    ):
        judged, output = tmp_path / f"{level}.jsonl", tmp_path / f"{level}.json"
        given = (f"--model={model_directory}", f"--calibration={labelled}", f"--input={labelled}")
        options = (f"--level={level}", f"--cache={tmp_path}/cache", "--alpha=0.6")
        done = command("calibrate", *given, *options, f"--output={judged}", f"--hyper={HYPER}")
        assert done.code == 2 and "field 'hyper'" in done.err  # single quotes are not JSON
        hyper = f"--hyper={json.dumps(HYPER)}"
        done = command("calibrate", *given, *options, f"--output={judged}", hyper)
        assert done.code == 0 and f"of {count}" in done.out, (done.err, done.out)
        # Both files are the same, and so are the states of both levels.
        hits = "states: 40 of 40 solutions were in the cache"
        assert hits in done.err
        assert f"calibration file: {40 if level == 'solution' else 0} of 40" in done.err
        given = (f"{CONFIG}", f"--input={judged}", f"--reference={labelled}")
        done = command("select", *given, f"--output={output}", f"--config.accept={rule}")
        assert done.code == 0, done.err
        assert json.loads(output.read_text())["counts"]["problems"] == 10
