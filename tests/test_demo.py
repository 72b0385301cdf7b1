"""The demo with a tiny model: every stage, every file, and a second run in the same workdir."""

import json

import pytest

from configs.demo import get_config
from prm_jax import demo
from prm_jax.data.synthetic import check
from prm_jax.errors import InputError
from prm_jax.records import read_jsonl


def tiny_config():
    config = get_config()
    config.problems.update(train=48, validation=24, test=24, groups=6, candidates=4)
    config.evaluation.update(n=(1, 2, 4), bootstrap=50, solutions=5)
    config.train.model.update(name="random:tiny-llama", keep_layers=-1, train_layers=-1)
    config.train.data.update(rows=8, row_length=512, max_length=512)
    config.train.update(steps=4, tensorboard=False)
    return config


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("demo")
    return workdir, demo.run(tiny_config(), workdir)


def test_problems_are_labelled_as_the_checker_labels_them_and_no_split_shares_one():
    problems = demo.make_problems(tiny_config())
    parts = (problems.train, problems.validation, problems.test + problems.candidates)
    for trajectory in problems.test + problems.candidates:
        labels = check(trajectory)
        assert all(y in (None, labels[i]) for i, y in enumerate(trajectory.labels))
    keys = [{t.meta["key"] for t in part} for part in parts]
    assert not (keys[0] & keys[1] or keys[0] & keys[2] or keys[1] & keys[2])


def test_result_compares_the_model_with_every_baseline_and_says_how_it_was_made(finished):
    workdir, result = finished
    assert json.loads((workdir / "results.json").read_text()) == json.loads(json.dumps(result))
    assert list(result["methods"]) == ["PRM", "random", "majority", "length", "position"]
    assert result["methods"]["majority"]["first_error"]["metrics"]["f1"]["value"] == 0
    assert result["methods"]["majority"]["steps"]["metrics"]["auroc"]["value"] == 0.5
    for found in result["methods"].values():
        assert found["threshold"]["source"] == "tuned on the validation problems"
    assert result["config"]["problems"]["test"] == 24
    assert {"code", "versions", "machine", "command", "wall_seconds"} <= set(result["run"])


def test_columns_of_the_table_come_from_the_right_figures(finished):
    _, result = finished
    table = demo.result_table(result)
    rows = {row.method: row for row in table.rows}
    of_model = result["methods"]["PRM"]["best_of_n"]["metrics"]
    assert rows["PRM"].estimates["best of 4"].value == of_model["best_of_n"]["value"]
    assert rows["random"].estimates["best of 4"].value == of_model["random"]["value"]
    assert rows["majority"].estimates["best of 4"].value == of_model["majority"]["value"]
    assert [row.role for row in table.rows] == ["model"] + 4 * ["baseline"] + ["reference"]


def test_the_page_shows_table_curves_and_solutions(finished):
    workdir, result = finished
    html = (workdir / "report.html").read_text("utf-8")
    assert "first-error F1" in html and "position only" in html and "best of 4" in html
    assert html.count('class="solution') >= 5
    assert result["run"]["code"] in html


def test_the_same_command_does_nothing_twice_and_finds_what_was_changed(finished, monkeypatch):
    workdir, result = finished
    page = (workdir / "report.html").stat().st_mtime_ns
    with monkeypatch.context() as patch:
        for module, name in ((demo.loop, "train"), (demo, "score_file"), (demo, "write_report")):
            patch.setattr(module, name, lambda *_, name=name, **__: pytest.fail(f"{name} again"))
        assert demo.run(tiny_config(), workdir) == json.loads(json.dumps(result))
    assert (workdir / "report.html").stat().st_mtime_ns == page

    scores, done = workdir / "scores" / "test.jsonl", []
    before = scores.read_bytes()
    scores.write_bytes(before[:-20])
    score_file = demo.score_file
    with monkeypatch.context() as patch:
        patch.setattr(demo.loop, "train", lambda *_: pytest.fail("trained again"))
        patch.setattr(demo, "score_file", lambda *a, **o: done.append(a[2]) or score_file(*a, **o))
        demo.run(tiny_config(), workdir)
    assert done == [scores] and scores.read_bytes() == before


def test_the_same_command_goes_on_where_it_was_and_other_problems_are_refused(finished):
    workdir, result = finished
    (workdir / "stages.json").write_text("[damaged")
    scores = list(read_jsonl(workdir / "scores" / "test.jsonl"))
    again = demo.run(tiny_config(), workdir)
    assert again["methods"] == result["methods"]
    assert [row for _, row in read_jsonl(workdir / "scores" / "test.jsonl")] == [
        row for _, row in scores
    ]
    other = tiny_config()
    other.problems.train = 40
    with pytest.raises(InputError, match="not those that the run"):
        demo.run(other, workdir)
