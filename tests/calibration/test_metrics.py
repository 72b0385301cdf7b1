"""Calibration measures: values worked out otherwise, and no dependence on the order of rows."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from prm_jax.calibration import metrics
from prm_jax.errors import InputError


@pytest.fixture
def judged():
    """Probabilities of three classes with many equal ones, their labels, and whether right."""
    rng = np.random.default_rng(0)
    logits = rng.integers(-2, 3, (400, 3)).astype(float)
    prob = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    label = np.array([rng.choice(3, p=p) for p in prob])
    return prob, label, prob.max(1), prob.argmax(1) == label


def test_calibration_error_of_a_hand_made_set():
    # Bins (0.6, 0.7) with one right of two, and (0.8, 0.9) with both right.
    error = metrics.expected_calibration_error([0.9, 0.6, 0.8, 0.7], [1, 0, 1, 1], n_bins=2)
    assert error == pytest.approx((abs(0.65 - 0.5) + abs(0.85 - 1)) / 2)


def test_adaptive_error_is_the_published_mean_over_classes_and_bins():
    rng = np.random.default_rng(1)
    prob = rng.dirichlet(np.ones(3), 60)
    label = rng.integers(0, 3, 60)
    gaps = []
    for c in range(3):
        for rows in np.array_split(np.argsort(prob[:, c]), 15):
            gaps.append(abs((label[rows] == c).mean() - prob[rows, c].mean()))
    assert metrics.adaptive_calibration_error(prob, label) == pytest.approx(np.mean(gaps))


def test_probabilities_that_come_true_have_less_error_than_sharpened_ones(judged):
    prob, label, top, correct = judged
    sharp = prob**3 / (prob**3).sum(1, keepdims=True)
    right = metrics.expected_calibration_error(top, correct)
    assert right < 0.08 < metrics.expected_calibration_error(sharp.max(1), correct)
    for measure in (metrics.adaptive_calibration_error, metrics.negative_log_likelihood):
        assert measure(prob, label) < measure(sharp, label)


def test_proper_scores_and_auroc_agree_with_scikit_learn(judged):
    sk = pytest.importorskip("sklearn.metrics")
    prob, label, _, correct = judged
    brier = sum(sk.brier_score_loss(label == c, prob[:, c]) for c in range(3))
    assert metrics.brier(prob, label) == pytest.approx(brier)
    assert metrics.negative_log_likelihood(prob, label) == pytest.approx(sk.log_loss(label, prob))
    found = metrics.ood_auroc(prob[correct, 0], prob[~correct, 0])
    assert found == pytest.approx(sk.roc_auc_score(correct, prob[:, 0]))


def test_scores_of_a_sure_and_wrong_row_are_the_worst_and_finite():
    assert metrics.brier([[1.0, 0.0]], [1]) == 2 and metrics.brier([[1.0, 0.0]], [0]) == 0
    assert 87 < metrics.negative_log_likelihood([[1.0, 0.0]], [1]) < 88


@pytest.mark.parametrize("name", ["expected_calibration_error", "aurc", "reliability"])
def test_the_order_of_rows_changes_nothing(judged, name):
    _, _, top, correct = judged
    order = np.random.default_rng(2).permutation(len(top))
    measure = getattr(metrics, name)
    first, second = measure(top, correct), measure(top[order], correct[order])
    if name == "reliability":
        first, second = np.concatenate([*first.values()]), np.concatenate([*second.values()])
    np.testing.assert_allclose(first, second, rtol=1e-12)


def test_reliability_has_all_rows_in_rising_bins_of_equal_mass(judged):
    rng = np.random.default_rng(3)
    found = metrics.reliability(rng.random(150), rng.random(150) < 0.5)
    np.testing.assert_array_equal(found["rows"], np.full(15, 10))
    _, _, top, correct = judged
    found = metrics.reliability(top, correct)
    assert found["rows"].sum() == 400 and (np.diff(found["probability"]) > 0).all()
    assert found["accuracy"] @ found["rows"] == pytest.approx(correct.sum())
    assert (found["low"] <= found["accuracy"]).all() and (found["accuracy"] <= found["high"]).all()
    same = metrics.reliability(np.full(30, 0.8), correct[:30])
    assert same["rows"].tolist() == [30]


def test_risk_and_coverage_of_a_hand_made_set():
    coverage, risk = metrics.risk_coverage([3, 1, 2, 2], [True, False, False, True])
    np.testing.assert_allclose(coverage, [0.25, 0.75, 1.0])
    np.testing.assert_allclose(risk, [0, 1 / 3, 0.5])
    area = metrics.aurc([3, 1, 2, 2], [True, False, False, True])
    assert area == pytest.approx(0.5 * 1 / 3 + 0.25 * 0.5)


def test_a_score_that_ranks_right_rows_first_has_the_least_area():
    correct = np.random.default_rng(4).random(200) < 0.8
    best = metrics.aurc(correct, correct)
    noise = metrics.aurc(np.random.default_rng(5).random(200), correct)
    assert best < noise < metrics.aurc(~correct, correct)
    assert metrics.aurc(np.zeros(200), correct) == pytest.approx(1 - correct.mean())


def test_ood_auroc_counts_pairs():
    inside, outside = [3, 2, 2], [2, 1]
    pairs = [(a > b) + (a == b) / 2 for a in inside for b in outside]
    assert metrics.ood_auroc(inside, outside) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize("k, n", [(0, 10), (10, 10), (95, 100), (1, 3)])
def test_the_binomial_interval_is_the_exact_one(k, n):
    expected = binomtest(k, n).proportion_ci(0.95, "exact")
    assert metrics.binomial_interval(k, n) == pytest.approx((expected.low, expected.high))


def test_the_binomial_interval_covers_as_often_as_it_says():
    low, high = metrics.binomial_interval(np.arange(41), np.full(41, 40), 0.9)
    for share in (0.5, 0.8, 0.95):
        covered = binom.pmf(np.arange(41), 40, share)[(low <= share) & (share <= high)].sum()
        assert covered >= 0.9
    assert metrics.binomial_interval(0, 0) == (0, 1)


def test_cells_count_admitted_rows_by_label_and_by_prediction():
    prediction = np.array([1, 1, 1, 0, 0, 1])
    label = np.array([1, 1, 0, 0, 1, 0])
    table = metrics.admitted_table(prediction, label, [1, 1, 1, 1, 0, 0], 0.9)
    cells = {cell.name: (cell.rows, cell.right) for cell in table.rows}
    assert cells == {
        "all": (4, 3),
        "label=0": (2, 1),
        "label=1": (2, 2),
        "prediction=0": (1, 1),
        "prediction=1": (3, 2),
    }
    assert table.share == pytest.approx(4 / 6) and table.worst == 0.5
    assert table.shortfall == pytest.approx(table.alpha - 0.5)
    plain = table.to_dict()
    assert plain["rows"][0]["accuracy"] == 0.75 and plain["alpha"] == 0.9


@pytest.mark.parametrize(
    "wrong, rows, verdict",
    [(1, 20, "holds"), (2, 20, "within"), (200, 1000, "below"), (0, 0, "rejected")],
)
def test_a_verdict_looks_at_accuracy_and_at_its_interval(wrong, rows, verdict):
    label = np.zeros(rows + 1, int)
    label[:wrong] = 1
    admitted = np.arange(rows + 1) < rows
    table = metrics.admitted_table(np.zeros(rows + 1, int), label, admitted, 0.95)
    assert table.rows[0].verdict == verdict
    assert table.rows[-1].verdict == "rejected" and table.rows[-1].accuracy is None
    assert (table.worst is None) == (rows == 0)
    assert rows or table.shortfall == 0


def test_the_highest_scores_are_chosen_and_the_first_of_equal_ones():
    assert metrics.top_share([1, 3, 2, 3, 2], 3).tolist() == [False, True, True, True, False]
    assert not metrics.top_share([1.0, 2.0], 0).any() and metrics.top_share([1.0, 2.0], 2).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: metrics.expected_calibration_error([], []),
        lambda: metrics.reliability([0.5], [True], n_bins=0),
        lambda: metrics.brier([[0.5, 0.5]], [2]),
        lambda: metrics.ood_auroc([], [1.0]),
        lambda: metrics.binomial_interval(3, 2),
        lambda: metrics.binomial_interval(1, 2, confidence=95),
        lambda: metrics.admitted_table([0], [-1], [True], 0.9),
        lambda: metrics.top_share([1.0], 2),
    ],
)
def test_what_cannot_be_measured_is_refused(call):
    with pytest.raises(InputError):
        call()
