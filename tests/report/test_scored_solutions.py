"""Joining trajectories with scores, and an honest choice of what to show."""

import pytest

from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.report import ScoredSolution, choose_solutions, count_outcomes, scored_solution
from prm_jax.report.steps import OUTCOMES


def _trajectory(**fields):
    row = {"problem": "p", "steps": ["a", "b", "c"], "id": "x", "source": "family"} | fields
    return Trajectory.from_dict(row, None)


def _solution(first_error, predicted, family=None, name=None):
    return ScoredSolution(
        "p", ("a",), (0.5,), (None,), first_error, predicted, None, None, family, name
    )


@pytest.mark.parametrize(
    "first_error, predicted, outcome",
    [
        (2, 2, "found"),
        (0, 0, "found"),
        (1, -1, "missed"),
        (2, 1, "too early"),
        (0, 2, "too late"),
        (-1, 0, "false alarm"),
        (-1, -1, "passed"),
        (None, 0, "unknown"),
        (None, -1, "unknown"),
    ],
)
def test_outcome(first_error, predicted, outcome):
    assert _solution(first_error, predicted).outcome == outcome and outcome in OUTCOMES


def test_the_threshold_is_strict_and_nulls_are_not_below_it():
    def predicted(scores):
        return scored_solution(_trajectory(), scores, threshold=0.5).predicted

    assert predicted([0.9, 0.5, 0.49]) == 2
    assert predicted([None, 0.9, 0.1]) == 2
    assert predicted([0.5, None, 0.5]) == -1


def test_first_error_implies_labels():
    trajectory = _trajectory(first_error=1, meta={"error_kind": "slip"})
    solution = scored_solution(trajectory, [0.9, 0.2, 0.1])
    assert solution.labels == (1.0, 0.0, None)
    assert (solution.first_error, solution.predicted, solution.outcome) == (1, 1, "found")
    assert (solution.family, solution.id) == ("family", "x")
    assert solution.error_kind == "slip"


def test_the_family_is_named_rather_than_the_source():
    solution = scored_solution(_trajectory(meta={"family": "swaps"}), [0.9, 0.2, 0.1])
    assert solution.family == "swaps"


@pytest.mark.parametrize(
    "labels, first_error",
    [
        ([1, 0, 1], 1),
        ([1, 1, 1], -1),
        ([1, 0.5, 0.49], None),
        ([1, 0, None], 1),
        ([None, 0, 1], None),
        ([1, 1, None], None),
        (None, None),
    ],
)
def test_labels_show_the_first_error_or_leave_it_unknown(labels, first_error):
    trajectory = _trajectory() if labels is None else _trajectory(labels=labels)
    assert scored_solution(trajectory, [0.9, 0.9, 0.9]).first_error == first_error


def test_nan_scores_are_nulls():
    assert scored_solution(_trajectory(), [0.9, float("nan"), None]).scores == (0.9, None, None)


def test_scores_that_do_not_fit_the_steps_are_refused():
    with pytest.raises(InputError, match="'x' has 3 steps, but 2 values"):
        scored_solution(_trajectory(), [0.9, 0.8])


def test_counts_are_exact_and_in_the_order_of_the_page():
    solutions = [_solution(-1, -1), _solution(1, -1), _solution(-1, -1), _solution(0, 0)]
    assert list(count_outcomes(solutions).items()) == [("found", 1), ("missed", 1), ("passed", 2)]


def test_choice_shows_hits_and_misses_whatever_their_shares():
    many = [_solution(0, 0, f"family {i % 3}", f"hit {i}") for i in range(300)]
    rare = [_solution(0, -1, "family 0", "miss"), _solution(-1, 0, "family 0", "alarm")]
    chosen = choose_solutions(many + rare, n=8, seed=1)
    outcomes = [solution.outcome for solution in chosen]
    assert outcomes == ["found"] * 6 + ["missed", "false alarm"]
    hits = [solution.family for solution in chosen if solution.outcome == "found"]
    assert sorted(hits) == ["family 0"] * 2 + ["family 1"] * 2 + ["family 2"] * 2


def test_choice_depends_on_the_seed_only():
    solutions = [_solution(0, 0, None, str(i)) for i in range(100)]
    first = choose_solutions(solutions, n=5, seed=1)
    assert first == choose_solutions(solutions, n=5, seed=1)
    assert first != choose_solutions(solutions, n=5, seed=2)
    assert len({solution.id for solution in first}) == 5
    assert len(choose_solutions(solutions[:3], n=5)) == 3 and choose_solutions([], n=5) == []
