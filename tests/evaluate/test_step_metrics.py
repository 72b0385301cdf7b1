import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.evaluate import steps
from prm_jax.evaluate.step_metrics import auroc, ece, mass_bins, width_bins
from prm_jax.records import Trajectory


def pairwise_auroc(p, y, w):
    right = sum(
        w[i] * w[j] * y[i] * (1 - y[j]) * ((p[i] > p[j]) + 0.5 * (p[i] == p[j]))
        for i in range(len(p))
        for j in range(len(p))
    )
    return right / sum(
        w[i] * w[j] * y[i] * (1 - y[j]) for i in range(len(p)) for j in range(len(p))
    )


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_auroc_is_the_share_of_ordered_pairs_with_ties_and_weights(seed, soft):
    rng = np.random.default_rng(seed)
    p = np.round(rng.random(25), 1)
    y = rng.random(25) if soft else (rng.random(25) < 0.6).astype(float)
    w = rng.integers(0, 4, size=(2, 25)).astype(float)
    expected = [pairwise_auroc(p, y, row) for row in w]
    np.testing.assert_allclose(auroc(p, y, w), expected, rtol=1e-12)


def test_auroc_of_one_kind_is_undefined_and_of_constant_scores_a_half():
    assert np.isnan(auroc([0.1, 0.2], [1, 1])[0])
    assert auroc([0.3, 0.3, 0.3], [1, 0, 1])[0] == 0.5


def test_golden_figures():
    p, y = [0.95, 0.85, 0.15, 0.62], [1.0, 0.0, 0.0, 1.0]
    rows = [Trajectory(str(i), ("s",), labels=(label,)) for i, label in enumerate(y)]
    result = steps(rows, [[score] for score in p], n_boot=20)
    found = {name: figure["value"] for name, figure in result["metrics"].items()}
    assert found["auroc"] == 0.75  # 3 of 4 pairs
    assert found["accuracy"] == 0.75
    assert found["brier"] == pytest.approx((0.05**2 + 0.85**2 + 0.15**2 + 0.38**2) / 4)
    assert found["ece_width"] == pytest.approx((0.05 + 0.85 + 0.15 + 0.38) / 4)
    assert result["counts"]["labelled_steps"] == 4


def test_the_last_bin_of_equal_width_is_closed_and_edges_open_the_next():
    assert width_bins([0.0, 0.0999, 0.1, 0.5, 0.9999, 1.0]).tolist() == [0, 0, 1, 5, 9, 9]


def test_bins_of_equal_mass_differ_by_at_most_one():
    bins = mass_bins(np.random.default_rng(0).random(23))
    assert np.ptp(np.bincount(bins, minlength=10)) <= 1


def test_calibrated_scores_have_a_small_error_and_shifted_ones_their_shift():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.2, 0.8, 20000)
    y = (rng.random(20000) < p).astype(float)
    for bins in (width_bins(p), mass_bins(p)):
        assert ece(p, y, bins) < 0.02
        assert ece(p + 0.15, y, bins) == pytest.approx(0.15, abs=0.02)


def test_steps_after_the_first_error_and_without_a_score_are_left_out():
    row = Trajectory("p", ("s",) * 4, first_error=1)
    result = steps([row], [[0.9, 0.3, 0.0, 0.0]], n_boot=5)
    assert result["counts"]["labelled_steps"] == 2
    result = steps([row], [[0.9, None, 0.0, 0.0]], n_boot=5)
    assert result["counts"]["labelled_steps"] == 1
    assert result["counts"]["labelled_without_score"] == 1
    assert result["metrics"]["auroc"]["value"] is None


def test_a_soft_label_counts_for_both_kinds():
    rows = [Trajectory(str(i), ("s",), labels=(y,)) for i, y in enumerate([0.75, 0.0])]
    found = steps(rows, [[0.9], [0.2]], n_boot=5)["metrics"]
    assert found["accuracy"]["value"] == pytest.approx((0.75 + 1) / 2)
    assert found["brier"]["value"] == pytest.approx((0.15**2 + 0.2**2) / 2)


def test_all_figures_of_resamples_match_those_of_the_resampled_rows(monkeypatch):
    rng = np.random.default_rng(3)
    rows = [
        Trajectory(f"p{i % 6}", ("s",) * 3, labels=tuple(rng.integers(0, 2, 3).astype(float)))
        for i in range(18)
    ]
    scores = [rng.random(3).tolist() for _ in rows]
    drawn = np.array([[0, 2, 1, 1, 2, 0]])
    monkeypatch.setattr("prm_jax.evaluate.bootstrap.resampled_weights", lambda *_: [drawn])
    once = steps(rows, scores, n_boot=1)["metrics"]
    monkeypatch.undo()
    picked = [i for i in range(18) for _ in range(drawn[0, i % 6])]
    again = steps([rows[i] for i in picked], [scores[i] for i in picked], n_boot=1)["metrics"]
    for name in ("auroc", "accuracy", "brier", "ece_width"):
        assert once[name]["low"] == pytest.approx(again[name]["value"], rel=1e-12), name


def test_nothing_to_measure_is_an_error():
    with pytest.raises(InputError, match="no step has both"):
        steps([Trajectory("p", ("s",))], [[0.5]])
    with pytest.raises(InputError, match="not a number"):
        steps([Trajectory("p", ("s",), labels=(1.0,))], [[0.5]], threshold="gsm8k")
