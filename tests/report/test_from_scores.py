"""A page on a user's own scored file, and what is refused."""

import pytest
from html_tree import parse

from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.report import report_from_scores

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


def test_page_shows_the_given_scores_and_counts(tmp_path, trajectories):
    path = report_from_scores(tmp_path / "r.html", trajectories, SCORES, title="mine")
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
    headings = [node.text for node in root.find_all("h2")]
    said = root.find_all("svg")[0].attributes["aria-label"]
    assert "Step scores" in headings
    # Right: .9, .4, .7; wrong: .2. The soft label .7 and the missing ones take no part.
    assert "100.0 % of the wrong steps and 33.3 % of the right steps" in said


def test_unlabelled_solutions_get_a_page_without_claims(tmp_path):
    trajectory = Trajectory.from_dict({"problem": "p", "steps": ["a", "b"]}, None)
    root = parse(
        report_from_scores(tmp_path / "r.html", [trajectory], [[0.9, 0.1]]).read_text("utf-8")
    )
    assert [node.text for node in root.find_all("h2")] == ["Solutions, step by step"]
    assert not root.find_all("table") and not root.find_all(css="verdict")


def test_measured_figures_are_those_of_the_evaluation(tmp_path, trajectories):
    right = Trajectory.from_dict({"problem": "q", "steps": ["x"], "first_error": -1}, None)
    path = report_from_scores(tmp_path / "r.html", [*trajectories, right], [*SCORES, [0.95]])
    root = parse(path.read_text("utf-8"))
    table = root.find_all("table")[0]
    names = [" ".join(cell.text.split()) for cell in table.find_all("th")]
    shown = [float(cell.attributes["data-value"]) for cell in table.find_all("td")]
    # No subset has solutions with and without an error, so there is no F1. Right steps: .9, .4,
    # .7, .95 and 0.7 of the soft one at .6; wrong: .2 and 0.3 of the soft one.
    assert [name.split(" ")[0] for name in names] == ["scores", "step", "Brier", "this"]
    brier = (0.1**2 + 0.2**2 + 0.6**2 + 0.3**2 + 0.1**2 + 0.05**2) / 6
    auroc = (4.7 * 1 + 3 * 0.3 + 0.5 * 0.7 * 0.3) / (4.7 * 1.3)
    assert shown == pytest.approx([auroc, brier])


def test_scores_for_another_number_of_solutions_are_refused(tmp_path, trajectories):
    with pytest.raises(InputError, match="3 solutions, but scores of 2"):
        report_from_scores(tmp_path / "r.html", trajectories, SCORES[:2])
    assert not list(tmp_path.iterdir())
