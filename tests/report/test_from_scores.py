"""A page on a user's own scored file, and what is refused."""

import json

import pytest
from html_tree import parse

from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.report import read_scores, report_from_scores

ROWS = [
    {
        "problem": "1+2+3",
        "steps": ["1+2=3", "3+3=7"],
        "first_error": 1,
        "id": "a",
        "source": "sums",
    },
    {"problem": "2*3", "steps": ["2*3=6"], "labels": [1], "source": "products"},
    {"problem": "9-4", "steps": ["9-4=5", "so 5", "done"], "labels": [1, 0.7, None], "id": "c"},
]
SCORES = [[0.9, 0.2], [0.4], [0.7, 0.6, None]]


@pytest.fixture
def trajectories():
    return [Trajectory.from_dict(row, None) for row in ROWS]


def _write(path, scores, ids=("a", "line-2", "c")):
    rows = [{"id": name, "step_scores": s, "score": 0.1} for name, s in zip(ids, scores)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_page_shows_the_given_scores_and_counts(tmp_path, trajectories):
    scores = read_scores(_write(tmp_path / "s.jsonl", SCORES), trajectories)
    assert scores == SCORES
    path = report_from_scores(tmp_path / "r.html", trajectories, scores, title="mine")
    root = parse(path.read_text("utf-8"))
    badges = [node.text for node in root.find_all(css="badge")]
    assert badges == ["found", "false alarm", "unknown"]
    shown = sorted(node.text for node in root.find_all("span", "score"))
    assert shown == sorted(["0.90", "0.20", "0.40", "0.70", "0.60", "\N{EN DASH}"])
    summary = " ".join(node.text for node in root.find_all("p")[:2])
    assert "3 solutions with 6 steps" in summary and "2 solutions have a step below" in summary
    assert "did not fit: 1." in summary
    counts = root.find_all("table", "outcomes")[0].find_all("tr")[1:]
    assert [row.find_all("td")[1].text for row in counts] == ["1 (33.3 %)"] * 3


def test_distribution_counts_scored_steps_with_a_hard_label(tmp_path, trajectories):
    root = parse(report_from_scores(tmp_path / "r.html", trajectories, SCORES).read_text("utf-8"))
    said = root.find_all("h2")[0].text, root.find_all("svg")[0].attributes["aria-label"]
    assert said[0] == "Step scores"
    # Right: .9, .4, .7; wrong: .2. The soft label .7 and the missing ones take no part.
    assert "100.0 % of the wrong steps and 33.3 % of the right steps" in said[1]


def test_unlabelled_solutions_get_a_page_without_claims(tmp_path):
    trajectory = Trajectory.from_dict({"problem": "p", "steps": ["a", "b"]}, None)
    root = parse(
        report_from_scores(tmp_path / "r.html", [trajectory], [[0.9, 0.1]]).read_text("utf-8")
    )
    assert [node.text for node in root.find_all("h2")] == ["Solutions, step by step"]
    assert not root.find_all("table") and not root.find_all(css="verdict")


@pytest.mark.parametrize(
    "scores, ids, message",
    [
        (SCORES[:2], ("a", "b"), r"s\.jsonl: 2 lines for 3 solutions"),
        (SCORES, ("b", "a", "c"), r"s\.jsonl:1: field 'id': is 'b'.*'a'"),
        (
            [[0.9], [0.4], SCORES[2]],
            ("a", "b", "c"),
            r"s\.jsonl:1: field 'step_scores'.* 2 numbers",
        ),
        ([[0.9, 1.2], *SCORES[1:]], ("a", "b", "c"), r"s\.jsonl:1: field 'step_scores'"),
        ([SCORES[0], "0.4", SCORES[2]], ("a", "b", "c"), r"s\.jsonl:2: field 'step_scores'"),
        (
            [SCORES[0], [float("nan")], SCORES[2]],
            ("a", "b", "c"),
            r"s\.jsonl:2: field 'step_scores'",
        ),
        ([SCORES[0], [True], SCORES[2]], ("a", "b", "c"), r"s\.jsonl:2: field 'step_scores'"),
        ([SCORES[0], None, SCORES[2]], ("a", "b", "c"), r"s\.jsonl:2: field 'step_scores'"),
    ],
)
def test_scores_that_do_not_belong_are_refused(tmp_path, trajectories, scores, ids, message):
    with pytest.raises(InputError, match=message):
        read_scores(_write(tmp_path / "s.jsonl", scores, ids), trajectories)


def test_python_callers_get_the_same_check(tmp_path, trajectories):
    with pytest.raises(InputError, match="3 solutions, but scores of 2"):
        report_from_scores(tmp_path / "r.html", trajectories, SCORES[:2])
    assert not list(tmp_path.iterdir())
