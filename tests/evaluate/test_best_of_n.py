import itertools

import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.evaluate import best_of_n
from prm_jax.evaluate.best_of_n import is_right, share_of_min_at_last
from prm_jax.records import Trajectory

# (group, answer, right, step scores)
CANDIDATES = [
    ("p", "4", 0, [0.9, 0.8]),
    ("p", "5", 1, [0.9, 0.9]),
    ("p", "4.0", 0, [0.7, 0.9]),
    ("q", "1/2", 1, [0.6, 0.2]),
    ("q", "0.5", 1, [0.1, 0.9]),
    ("q", "7", 0, [0.5, 0.5]),
]


@pytest.fixture
def rows():
    return [
        Trajectory("problem", ("s", "t"), group=group, answer=answer, outcome=right, id=str(i))
        for i, (group, answer, right, _) in enumerate(CANDIDATES)
    ]


SCORES = [scores for *_, scores in CANDIDATES]


def test_golden_figures_of_all_candidates(rows):
    result = best_of_n(rows, SCORES, aggregation=["min", "max"], n=[3], n_boot=20)
    entry = result["by_n"]["3"]
    assert entry["random"]["value"] == pytest.approx((1 / 3 + 2 / 3) / 2)
    assert entry["pass"]["value"] == 1
    assert entry["majority"]["value"] == 0.5  # 4 = 4.0 wins p wrongly, 1/2 = 0.5 wins q
    by_min, by_max = entry["aggregations"]["min"], entry["aggregations"]["max"]
    assert by_min["best_of_n"]["value"] == 0.5  # 5 in p; 7 in q
    # p: 4 has .8 + .7 against .9; q: 7 has .5 against .2 + .1
    assert by_min["weighted_majority"]["value"] == 0
    # p: all .9, the first wins; q: .9 is right
    assert by_max["best_of_n"]["value"] == 0.5
    assert by_min["weighted_majority"]["minus_majority"]["value"] == -0.5
    assert result["metrics"]["best_of_n"] == by_min["best_of_n"]
    assert result["metrics_of"] == {"n": 3, "aggregation": "min"}


def test_fewer_candidates_are_means_over_subsets(rows):
    entry = best_of_n(rows, SCORES, n=[2], n_boot=5, draws=4000)["by_n"]["2"]
    best, right = [], [1, 1]
    for group in (range(3), range(3, 6)):
        picked = [
            CANDIDATES[max(pair, key=lambda i: (min(SCORES[i]), -i))][2]
            for pair in itertools.combinations(group, 2)
        ]
        best.append(np.mean(picked))
    assert entry["aggregations"]["min"]["best_of_n"]["value"] == pytest.approx(np.mean(best))
    assert entry["pass"]["value"] == pytest.approx((2 / 3 + 1) / 2)
    # pairs of p: (4, 5) -> 4, (4, 4) -> 4, (5, 4) -> 5; of q: always 1/2, or (0.5, 7) -> 0.5
    assert entry["majority"]["value"] == pytest.approx((1 / 3 + 1) / 2, abs=0.02)
    assert right == [1, 1]


def test_the_prefix_rule_takes_the_first_candidates_of_each_problem(rows):
    result = best_of_n(rows, SCORES, n=[1, 2], subsample="prefix", n_boot=5)
    assert result["by_n"]["1"]["aggregations"]["min"]["best_of_n"]["value"] == 0.5
    assert result["by_n"]["2"]["aggregations"]["min"]["best_of_n"]["value"] == 1
    assert result["by_n"]["2"]["random"]["value"] == pytest.approx((0.5 + 1) / 2)
    assert result["subsampling"]["draws"] is None


def test_the_numbers_of_candidates_default_to_powers_of_two_up_to_the_largest_group(rows):
    assert list(best_of_n(rows, SCORES, n_boot=2)["by_n"]) == ["1", "2"]
    assert list(best_of_n(rows + rows[:1], [*SCORES, [0.1]], n_boot=2)["by_n"]) == ["1", "2", "4"]


def test_aggregations_that_can_be_negative_do_not_vote(rows):
    scores = [*SCORES[:5], [0.6, 0.6]]
    entry = best_of_n(rows, scores, aggregation=["sum_logit"], n=[3], n_boot=5)["by_n"]["3"]
    assert entry["aggregations"]["sum_logit"]["weighted_majority"] is None
    assert entry["aggregations"]["sum_logit"]["best_of_n"]["value"] == 0.5


def test_one_number_a_candidate_is_its_score_under_every_aggregation(rows):
    numbers = [0.1, 0.2, 0.9, 0.1, 0.2, 0.9]
    result = best_of_n(rows, numbers, aggregation=["min", "product"], n=[3], n_boot=5)
    found = result["by_n"]["3"]["aggregations"]
    assert found["min"] == found["product"]
    assert found["min"]["best_of_n"]["value"] == 0
    assert result["min_at_last_step"] is None


def test_a_candidate_without_any_score_is_never_preferred(rows):
    scores = [*SCORES[:4], [None, None], [0.0, 0.0]]
    result = best_of_n(rows, scores, n=[3], n_boot=5)
    assert result["counts"]["without_score"] == 1
    assert result["by_n"]["3"]["aggregations"]["min"]["best_of_n"]["value"] == 1


def test_without_a_group_the_text_of_the_problem_groups():
    rows = [Trajectory(p, ("s",), answer="1", outcome=1) for p in ("a", "b", "a")]
    counts = best_of_n(rows, [[0.5]] * 3, n=[1], n_boot=2)["counts"]
    assert counts["problems"] == 2 and counts["candidates_per_problem"] == [1, 2]


def test_an_outcome_is_believed_over_the_answer_and_gold_decides_without():
    assert is_right(Trajectory("p", ("s",), outcome=1, answer="3", gold="4"))
    assert is_right(Trajectory("p", ("s",), answer="2/4", gold="0.5"))
    assert not is_right(Trajectory("p", ("s",), gold="0.5"))
    with pytest.raises(InputError, match="neither an outcome nor a gold answer"):
        is_right(Trajectory("p", ("s",), answer="3"))


def test_the_share_of_minima_at_the_last_step_counts_strict_ones():
    scores = [[0.9, 0.1], [0.1, 0.1], [0.5, 0.2, 0.6], [0.3], [0.2, None]]
    assert share_of_min_at_last(scores) == pytest.approx(1 / 3)


def test_the_same_seed_gives_the_same_result(rows):
    first, second = (best_of_n(rows, SCORES, n_boot=50, seed=3) for _ in range(2))
    assert first == second


def test_unknown_options_are_refused(rows):
    with pytest.raises(InputError, match="unknown rule"):
        best_of_n(rows, SCORES, subsample="all")
    with pytest.raises(InputError, match="unknown aggregation"):
        best_of_n(rows, SCORES, aggregation=["median"])
