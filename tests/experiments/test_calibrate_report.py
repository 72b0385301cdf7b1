"""`python -m experiments.calibrate --report`: a page about what was judged, with its exemplars."""

import json

from prm_jax.records import write_jsonl

HYPER = json.dumps(dict(width=4, epochs=1, batch=16, min_rows=2))


def test_a_page_is_written_beside_the_output(command, tmp_path, model_directory):
    path, output, page = (tmp_path / name for name in ("in.jsonl", "out.jsonl", "page.html"))
    write_jsonl(
        path,
        [
            {"id": f"r{i}", "problem": f"p{i}", "steps": ["yes", "NO"], "labels": [1, 0]}
            for i in range(12)
        ],
    )
    given = (f"--model={model_directory}", f"--calibration={path}", f"--input={path}")
    done = command(
        "calibrate", *given, f"--output={output}", f"--hyper={HYPER}", f"--report={page}"
    )
    assert done.code == 0 and str(page) in done.out, done.err
    (line, *_) = map(json.loads, output.read_text().splitlines())
    assert [len(named) for named in line["nearest"]] == [3, 3]
    html = page.read_text("utf-8")
    assert "Calibration: in.jsonl" in html and "nearest labelled steps" in html
    assert f"--report={page}" in html and "24 steps of 12 solutions" in html
