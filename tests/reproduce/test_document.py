"""docs/reproductions.md: what the result files say, and no smoke run among them."""

import json
from pathlib import Path

import pytest

from prm_jax.errors import InputError
from prm_jax.reproduce import document

ROOT = Path(__file__).resolve().parents[2]


def result(name="q", smoke=False, verdict="inconclusive"):
    effect = {"mean": 0.0125, "low": -0.01, "high": 0.035}
    return {
        "study": name,
        "smoke": smoke,
        "title": f"Study {name}",
        "paper": "A paper",
        "setting": "A world.",
        "differs": "Small.",
        "claims": [
            {"text": "A beats B.", "effect": "A - B", "region": "> 0", **effect, "verdict": verdict}
        ],
        "figures": {"A - B": {**effect, "per_seed": [0.0, 0.025]}},
        "seeds": [0, 1],
        "config": {},
        "run": {
            "command": "python -m experiments.reproduce q",
            "code": "0" * 40,
            "versions": {"jax": "0.10"},
            "machine": {"processor": "P", "cores": 2},
            "seconds": 90.0,
        },
    }


def test_the_committed_document_is_what_the_committed_results_give():
    written = (ROOT / "docs" / "reproductions.md").read_text(encoding="utf-8")
    assert written == document.render(document.read(ROOT / "results"))


def test_committed_results_have_five_seeds_or_more():
    for found in document.read(ROOT / "results"):
        assert len(found["seeds"]) >= 5


def test_effect_interval_and_verdict_are_in_the_table():
    text = document.render([result(verdict="reproduced"), result("z")])
    rows = [line for line in text.splitlines() if line.startswith("| [Study")]
    assert rows == [
        "| [Study q](#study-q) | A beats B. | 0.013 [-0.010, 0.035] | > 0 | reproduced |",
        "| [Study z](#study-z) | A beats B. | 0.013 [-0.010, 0.035] | > 0 | inconclusive |",
    ]
    assert text.index("## Study q") < text.index("## Study z")
    assert "1.5 minutes" in text


def test_a_measure_of_many_arms_becomes_a_row_and_no_figure_is_lost_or_shown_twice():
    many, figure = result(), {"mean": 0.5, "low": 0.4, "high": 0.6, "per_seed": [0.4, 0.6]}
    names = [f"a world: share, {arm}" for arm in ("x", "y", "z")]
    many["figures"] |= dict.fromkeys([*names, "a world: gap, x minus y", "gap, x"], figure)
    lines = document.render([many]).splitlines()
    assert "| a world | x | y | z |" in lines
    assert "| share | 0.500 ± 0.100 | 0.500 ± 0.100 | 0.500 ± 0.100 |" in lines
    for name in ("A - B", "a world: gap, x minus y", "gap, x"):
        assert sum(line.startswith(f"| {name} |") for line in lines) == 1
    assert not any(line.startswith("| a world: share") for line in lines)


def test_a_remark_is_kept_with_the_result_and_shown(tmp_path):
    path = tmp_path / "q.json"
    path.write_text(json.dumps(result()))
    document.add_remark(path, "One arm did not learn.")
    found = document.read(tmp_path)
    assert found == [result() | {"remark": "One arm did not learn."}]
    assert "Remark: One arm did not learn." in document.render(found).splitlines()
    with pytest.raises(InputError, match="no result"):
        document.add_remark(tmp_path / "z.json", "x")


def test_results_are_read_in_the_order_of_their_names(tmp_path):
    for name in ("z", "a"):
        (tmp_path / f"{name}.json").write_text(json.dumps(result(name)))
    assert [found["study"] for found in document.read(tmp_path)] == ["a", "z"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (json.dumps(result(smoke=True)), "smoke"),
        ("[1]", "no result file"),
        ("{", "no result file"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path, text, problem):
    (tmp_path / "q.json").write_text(text)
    with pytest.raises(InputError, match=problem):
        document.read(tmp_path)


def test_results_of_other_commands_are_left_out(tmp_path):
    (tmp_path / "demo.json").write_text(json.dumps({"run": {}}))
    assert document.read(tmp_path) == []


def test_without_results_the_document_says_so(tmp_path):
    document.write(tmp_path / "none", tmp_path / "document.md")
    assert "No study has been run yet." in (tmp_path / "document.md").read_text()
