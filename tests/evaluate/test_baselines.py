import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.evaluate import BASELINES, fit_baseline, steps
from prm_jax.evaluate.baselines import fit_logistic
from prm_jax.records import Trajectory


def dataset(n, seed, wrong_where):
    """Solutions in which `wrong_where(index, step)` decides what is wrong."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        texts = tuple("x" * int(rng.integers(1, 40)) for _ in range(6))
        labels = tuple(0.0 if wrong_where(k, text) else 1.0 for k, text in enumerate(texts))
        rows.append(Trajectory(f"p{seed}-{i}", texts, labels=labels))
    return rows


def test_logistic_regression_recovers_the_weights_of_its_own_model():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(20000, 2)), np.array([1.5, -0.7, 0.4])
    y = rng.random(20000) < 1 / (1 + np.exp(-(x @ w[:2] + w[2])))
    np.testing.assert_allclose(fit_logistic(x, y.astype(float), l2=0), w, atol=0.07)


def test_separable_labels_leave_the_weights_finite():
    w = fit_logistic(np.array([[0.0], [1.0]]), np.array([0.0, 1.0]))
    assert np.isfinite(w).all() and w[0] > 0


@pytest.mark.parametrize(
    "name, other, wrong",
    [
        ("length", "position", lambda k, text: len(text) > 25),
        ("position", "length", lambda k, text: k == 5),
    ],
)
def test_each_regression_finds_its_own_shortcut_and_not_the_other(name, other, wrong):
    train, test = dataset(150, 0, wrong), dataset(80, 1, wrong)

    def auroc(baseline):
        scores = fit_baseline(baseline, train)(test)
        return steps(test, scores, n_boot=2)["metrics"]["auroc"]["value"]

    assert auroc(name) > 0.98
    assert auroc(other) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("name", BASELINES)
def test_scores_are_probabilities_one_a_step_and_repeatable(name):
    train = dataset(20, 0, lambda k, text: k == 2)
    predict = fit_baseline(name, train, seed=4)
    scores = predict(train)
    assert [len(s) for s in scores] == [6] * 20
    assert all(0 <= p <= 1 for s in scores for p in s)
    assert predict(train) == scores == fit_baseline(name, train, seed=4)(train)


def test_majority_never_sees_an_error_and_random_depends_on_its_seed():
    rows = dataset(3, 0, lambda k, text: False)
    assert fit_baseline("majority")(rows) == [[1.0] * 6] * 3
    assert fit_baseline("random", seed=0)(rows) != fit_baseline("random", seed=1)(rows)


def test_unlabelled_data_and_unknown_names_are_refused():
    with pytest.raises(InputError, match="no labelled step"):
        fit_baseline("length", [Trajectory("p", ("s",))])
    with pytest.raises(InputError, match="unknown baseline"):
        fit_baseline("oracle")
