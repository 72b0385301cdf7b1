"""Baselines: the halves they are fitted on, the rules they admit by, and what they refuse."""

import sys

import numpy as np
import pytest
from scipy import optimize

from prm_jax.calibration.baselines import BASELINES, fit_baseline, fit_baselines
from prm_jax.calibration.sdm import fit
from prm_jax.calibration.sdm.split import training_and_calibration
from prm_jax.errors import InputError


def mixture(n, seed=0, rare=0.5, width=4):
    """Two overlapping classes, four rows a group, the second with a share of `rare`."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < rare).astype(int)
    features = 2 * rng.normal(size=(n, width)) + 5
    features[:, 0] += np.where(labels, 2.4, -2.4)
    return features.astype(np.float32), labels, np.arange(n) // 4


@pytest.fixture(scope="module")
def baselines():
    return fit_baselines(list(BASELINES), *mixture(1200), alpha=0.9)


def test_each_baseline_decides_by_its_rule(baselines):
    features, _, _ = mixture(500, seed=1)
    found = {name: baseline.predict(features) for name, baseline in baselines.items()}
    assert found["none"].admitted.all()
    for name in ("softmax", "temperature", "platt", "isotonic"):
        largest = found[name].probability.max(-1)
        np.testing.assert_array_equal(found[name].admitted, largest >= 0.9)
        np.testing.assert_array_equal(found[name].score, largest)
    threshold = baselines["learn_then_test"].facts["threshold"]
    test = found["learn_then_test"]
    np.testing.assert_array_equal(test.admitted, test.probability.max(-1) >= threshold)
    for name in ("aps", "raps"):
        above = found[name].score > baselines[name].facts["quantile"]
        np.testing.assert_array_equal(found[name].admitted, above)
    for name, of in found.items():
        np.testing.assert_allclose(of.probability.sum(-1), 1)
        np.testing.assert_array_equal(of.prediction, of.probability.argmax(-1))
        assert 0.2 < of.admitted.mean() < 1 or name == "none"
        if name != "none":
            assert of.score[of.admitted].mean() > of.score[~of.admitted].mean()


def test_a_row_is_judged_the_same_alone_and_in_any_order(baselines):
    features, _, _ = mixture(100, seed=2)
    for baseline in baselines.values():
        together, alone = baseline.predict(features), baseline.predict(features[17:18])
        backwards = baseline.predict(features[::-1])
        np.testing.assert_array_equal(together.admitted, backwards.admitted[::-1])
        assert together.admitted[17] == alone.admitted[0]
        np.testing.assert_allclose(together.score[17], alone.score[0], rtol=1e-12)


def test_the_order_of_the_calibration_rows_changes_nothing(baselines):
    features, labels, groups = mixture(1200)
    options = dict(alpha=0.9, balance=False)
    _, held = training_and_calibration(labels, groups, seed=0, balance=False)
    order = np.arange(1200)
    order[held] = np.random.default_rng(0).permutation(held)
    first = fit_baselines(list(BASELINES), features, labels, groups, **options)
    second = fit_baselines(
        list(BASELINES), features[order], labels[order], groups[order], **options
    )
    new, _, _ = mixture(500, seed=1)
    for name in BASELINES:
        a, b = first[name].predict(new), second[name].predict(new)
        np.testing.assert_allclose(a.probability, b.probability, atol=1e-9, err_msg=name)
        np.testing.assert_array_equal(a.admitted, b.admitted, err_msg=name)


def test_the_halves_are_those_of_an_sdm_with_the_same_seed():
    features, labels, groups = mixture(200)
    splits = set()
    for round in (0, 1):
        train, held = training_and_calibration(labels, groups, seed=1, round=round)
        assert not set(groups[train]) & set(groups[held])
        splits.add(tuple(train))
    sdm = fit(features, labels, groups, seed=1, width=4, epochs=1, rounds=2)
    assert len(splits) == 2
    chosen, _ = training_and_calibration(labels, groups, seed=1, round=int(sdm.round))
    np.testing.assert_array_equal(sdm.support_row_K, chosen)


def test_the_common_model_sees_the_training_half_only():
    features, labels, groups = mixture(400)
    train, held = training_and_calibration(labels, groups, seed=3)
    found = fit_baseline("softmax", features, labels, groups, seed=3)
    changed = features.copy()
    changed[held] = 7 - changed[held]
    other = fit_baseline("softmax", changed, labels, groups, seed=3)
    new, _, _ = mixture(50, seed=1)
    np.testing.assert_array_equal(found.predict(new).probability, other.predict(new).probability)
    changed = features.copy()
    changed[train[:20], 0] += 5
    other = fit_baseline("softmax", changed, labels, groups, seed=3)
    assert np.abs(found.predict(new).probability - other.predict(new).probability).max() > 1e-3


def test_temperature_is_the_one_of_least_log_loss_on_the_calibration_half(baselines):
    features, labels, groups = mixture(1200)
    _, held = training_and_calibration(labels, groups, seed=0)
    prob = baselines["softmax"].predict(features[held]).probability
    logit = np.log(prob[:, 1] / prob[:, 0])

    def log_loss(temperature):
        return np.logaddexp(0, np.where(labels[held], -logit, logit) / temperature).mean()

    best = optimize.minimize_scalar(log_loss, (0.1, 10), tol=1e-12).x
    new, _, _ = mixture(50, seed=1)
    prob = baselines["softmax"].predict(new).probability
    expected = 1 / (1 + (prob[:, 0] / prob[:, 1]) ** (1 / best))
    found = baselines["temperature"].predict(new).probability[:, 1]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_recalibration_keeps_the_order_of_rows(baselines):
    new, _, _ = mixture(300, seed=1)
    order = np.argsort(baselines["softmax"].predict(new).probability[:, 1])
    for name in ("temperature", "platt", "isotonic"):
        rising = baselines[name].predict(new).probability[order, 1]
        assert (np.diff(rising) >= 0).all() and rising[-1] - rising[0] > 0.9


def test_what_is_promised_holds_over_draws_of_all_rows():
    """Label-conditional sets leave at most 1 - alpha of each class to the other one alone, rare
    classes too; Learn then Test errs in more than 1 - alpha of balanced rows in at most delta."""
    alpha, delta, alone, broken = 0.9, 0.2, [], []
    for seed in range(60):
        rows = mixture(600, seed, rare=0.3, width=2)
        found = fit_baselines(
            ["label_conditional", "learn_then_test"], *rows, alpha=alpha, seed=seed, delta=delta
        )
        new, truth, _ = mixture(4000, 1000 + seed, width=2)
        sets = found["label_conditional"].predict(new)
        wrong = sets.admitted & (sets.prediction != truth)
        alone.append([wrong[truth == c].mean() for c in (0, 1)])
        test = found["learn_then_test"].predict(new)
        error = (test.prediction != truth)[test.admitted]
        broken.append(len(error) > 0 and error.mean() > 1 - alpha)
    error = np.std(alone, 0) / np.sqrt(60)
    assert (np.mean(alone, 0) < 1 - alpha + 3 * error).all()
    assert np.mean(alone) > 0.01
    assert np.mean(broken) < delta + 3 * np.sqrt(delta * (1 - delta) / 60)


def test_too_few_calibration_rows_for_a_promise_admit_nothing():
    rows = mixture(60)
    names = ["aps", "raps", "label_conditional", "learn_then_test"]
    found = fit_baselines(names, *rows, alpha=0.99)
    for name in names:
        assert not found[name].predict(rows[0]).admitted.any(), name
    assert found["learn_then_test"].facts["threshold"] is None


def test_controlling_every_cell_admits_no_more():
    rows = mixture(1200)
    new, _, _ = mixture(500, seed=1)
    found = [
        fit_baseline("learn_then_test", *rows, alpha=0.9, cells=cells).predict(new).admitted
        for cells in ("all", "every")
    ]
    assert (found[1] <= found[0]).all() and found[1].any()


def test_three_classes():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 900)
    features = rng.normal(size=(900, 3)) + 4 * np.eye(3)[labels]
    found = fit_baselines(list(BASELINES), features, labels, np.arange(900), alpha=0.9)
    for name, baseline in found.items():
        of = baseline.predict(features)
        assert of.probability.shape == (900, 3)
        assert of.admitted.mean() > 0.3
        assert (of.prediction == labels)[of.admitted].mean() > 0.9, name


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (dict(name="sofmax"), "unknown baseline 'sofmax'; known are none"),
        (dict(dleta=0.1), "unknown option 'dleta'"),
        (dict(delta=0.0), "'delta': 0.0 is not between 0 and 1"),
        (dict(alpha=0.5), "'alpha': 0.5 is not between 0.5 and 1"),
        (dict(cells="class"), "'class' is unknown"),
        (dict(labels=np.zeros(40, int)), "not classes"),
        (dict(labels=np.r_[1, np.zeros(39, int)]), "no row of class 1"),
        (dict(labels=np.r_[1, 1, 1, 1, np.zeros(32, int), 1, 1, 1, 1]), "no row of class"),
        (dict(groups=np.zeros(40, int)), "fewer than two"),
        (dict(features=np.full((40, 4), np.nan)), "not finite"),
        (dict(features=np.ones((40, 4))), "the same number"),
        (dict(groups=np.arange(39)), "do not fit"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_the_reason(change, reason):
    features, labels, groups = mixture(40)
    given = {"name": "softmax", "features": features, "labels": labels, "groups": groups}
    given.update({name: change[name] for name in given if name in change})
    options = {name: value for name, value in change.items() if name not in given}
    with pytest.raises(InputError, match=reason):
        fit_baseline(*given.values(), **options)


def test_rows_of_another_width_or_not_finite_are_refused(baselines):
    for features in (np.zeros((2, 5)), np.zeros(4), np.full((1, 4), np.inf)):
        with pytest.raises(InputError, match="features"):
            baselines["aps"].predict(features)


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(InputError, match=r"prm_jax\[calibration\]"):
        fit_baseline("softmax", *mixture(40))
