import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.evaluate import processbench, tune_threshold
from prm_jax.evaluate.processbench import first_below, known_first_error
from prm_jax.records import Trajectory

# (subset, first error, scores, is the prediction at 0.5 right)
ROWS = [
    ("a", 1, [0.9, 0.2, 0.1], True),
    ("a", 1, [0.4, 0.2, 0.9], False),  # too early
    ("a", 2, [0.9, 0.9, 0.5], False),  # a score at the threshold is not below it
    ("a", -1, [0.9, 0.5], True),
    ("a", -1, [0.9, 0.49], False),
    ("b", 0, [0.1], True),
    ("b", 0, [None, 0.1], False),  # a step without a score is not below the threshold
    ("b", -1, [None, None], True),
]


@pytest.fixture
def rows(solution):
    return [
        solution(len(scores), first_error, id=f"r{i}", source=subset)
        for i, (subset, first_error, scores, _) in enumerate(ROWS)
    ]


SCORES = [scores for _, _, scores, _ in ROWS]


def brute_force_f1(first_errors, scores, threshold):
    hits = {True: [], False: []}
    for truth, step_scores in zip(first_errors, scores):
        below = [i for i, p in enumerate(step_scores) if p is not None and p < threshold]
        hits[truth >= 0].append((below[0] if below else -1) == truth)
    a, b = np.mean(hits[True]), np.mean(hits[False])
    return 2 * a * b / (a + b) if a + b else 0.0


def test_golden_figures_per_subset_and_unweighted_mean(rows):
    result = processbench(rows, SCORES, n_boot=50)
    a, b = result["subsets"]["a"], result["subsets"]["b"]
    assert a["accuracy_error"]["value"] == pytest.approx(1 / 3)
    assert a["accuracy_correct"]["value"] == 1 / 2
    assert a["f1"]["value"] == pytest.approx(0.4)
    assert (a["n"], a["n_error"], a["n_correct"]) == (5, 3, 2)
    assert b["f1"]["value"] == pytest.approx(2 / 3)
    assert result["metrics"]["f1"]["value"] == pytest.approx((0.4 + 2 / 3) / 2)
    assert result["threshold"] == {"value": 0.5, "source": "given", "rule": None}
    assert result["counts"]["null_scores"] == 3


def test_each_prediction_is_the_first_score_strictly_below():
    for _, truth, scores, right in ROWS:
        assert (first_below(scores, 0.5) == truth) is right


def test_moving_every_true_error_by_one_step_loses_every_hit(solution):
    rows = [solution(4, k, id=str(k)) for k in (0, 1, 2)] + [solution(4, -1, id="right")]
    scores = [[0.1 if i == k else 0.9 for i in range(4)] for k in (0, 1, 2)] + [[0.9] * 4]
    assert processbench(rows, scores, n_boot=2)["metrics"]["f1"]["value"] == 1
    moved = [solution(4, k + 1, id=str(k)) for k in (0, 1, 2)] + rows[-1:]
    assert processbench(moved, scores, n_boot=2)["metrics"]["f1"]["value"] == 0


def test_f1_is_0_if_both_accuracies_are_0(solution):
    rows = [solution(1, 0, id="a"), solution(1, -1, id="b")]
    assert processbench(rows, [[0.9], [0.1]], n_boot=2)["metrics"]["f1"]["value"] == 0


def test_a_subset_with_one_kind_of_solution_has_no_f1_and_is_named(solution, rows):
    rows = [*rows, solution(1, -1, id="c", source="c")]
    result = processbench(rows, [*SCORES, [0.1]], n_boot=20)
    assert result["subsets"]["c"]["f1"] == {"value": None, "low": None, "high": None}
    assert result["subsets"]["c"]["accuracy_correct"]["value"] == 0
    assert result["counts"]["subsets_without_f1"] == ["c"]
    assert result["metrics"]["f1"]["value"] == pytest.approx((0.4 + 2 / 3) / 2)


def test_the_split_names_the_subset_before_the_source_does(solution):
    rows = [solution(1, 0, id="a", source="file", meta={"split": "gsm8k"}), solution(1, -1, id="b")]
    assert list(processbench(rows, [[0.1], [0.9]], n_boot=2)["subsets"]) == ["gsm8k", "all"]


@pytest.mark.parametrize("seed", range(5))
def test_the_tuned_threshold_is_the_lowest_best_score(seed):
    rng = np.random.default_rng(seed)
    scores = [np.round(rng.random(rng.integers(1, 6)), 1).tolist() for _ in range(40)]
    scores[3][0] = None
    truth = [int(rng.integers(-1, len(s))) for s in scores]
    truth[:2] = [0, -1]
    grid = sorted({p for s in scores for p in s if p is not None})
    best = max(grid, key=lambda t: (round(brute_force_f1(truth, scores, t), 12), -t))
    assert tune_threshold(truth, scores) == best


def test_a_threshold_tuned_on_a_subset_is_used_everywhere_and_recorded(rows):
    result = processbench(rows, SCORES, threshold="b", n_boot=5)
    expected = tune_threshold([0, 0, -1], SCORES[5:])
    assert result["threshold"]["value"] == expected
    assert result["threshold"]["source"] == "tuned on b"
    assert result["threshold"]["rule"]
    again = processbench(rows, SCORES, threshold=expected, n_boot=5)
    assert again["subsets"] == result["subsets"]


def test_bad_thresholds_say_what_there_is(rows, solution):
    with pytest.raises(InputError, match="one of a, b"):
        processbench(rows, SCORES, threshold="gsm8k")
    with pytest.raises(InputError, match="with and without an error"):
        processbench([solution(1, 0, id="a", source="x")], [[0.5]], threshold="x")


def test_hard_labels_imply_the_first_error_and_unknown_ones_do_not():
    def of(*labels):
        return known_first_error(Trajectory("p", ("s",) * len(labels), labels=labels, id="t"))

    assert of(1, 1, 0, 1) == 2
    assert of(1, 0, None) == 1
    assert of(1, 1) == -1
    for labels in [(1, None, 0), (1, None), (1, 0.4)]:
        with pytest.raises(InputError, match="first_error"):
            of(*labels)


def test_the_interval_of_the_mean_holds_it_and_narrows_with_more_problems(solution):
    rng = np.random.default_rng(0)

    def width(n):
        rows = [solution(2, int(rng.integers(-1, 1)), id=str(i)) for i in range(n)]
        scores = [[0.2 if rng.random() < 0.5 else 0.8, 0.9] for _ in rows]
        f1 = processbench(rows, scores, n_boot=300)["metrics"]["f1"]
        assert f1["low"] <= f1["value"] <= f1["high"]
        return f1["high"] - f1["low"]

    assert width(1600) < 0.5 * width(100)
