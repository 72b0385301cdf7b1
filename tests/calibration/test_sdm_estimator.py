"""The estimator on data whose truth is known."""

import jax
import numpy as np
import pytest

from prm_jax.calibration.sdm import fit, predict
from prm_jax.calibration.sdm.split import balanced, halves
from prm_jax.errors import InputError

HYPER = dict(width=16, epochs=6, batch=32, learning_rate=3e-3, min_rows=40, ladder=0.05)


def clusters(n, seed=0, noise=0.01, apart=3.0):
    """Two classes around two centres, four rows a group, a few labels wrong."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    features = rng.normal(size=(n, 8)) + apart * np.where(labels, 1, -1)[:, None] * np.eye(8)[0]
    flipped = rng.random(n) < noise
    return features.astype(np.float32), np.where(flipped, 1 - labels, labels), np.arange(n) // 4


@pytest.fixture(scope="module")
def sdm():
    return fit(*clusters(1600), **HYPER)


def test_admitted_rows_are_right_as_often_as_was_asked_for(sdm):
    features, labels, _ = clusters(2000, seed=1)
    found = predict(sdm, features, alpha=0.9)
    assert sdm.regions and found.admitted.mean() > 0.3
    for c in (0, 1):
        right = (found.prediction == labels)[found.admitted & (labels == c)]
        assert right.mean() > 0.9 - 2 * np.sqrt(0.09 / len(right))
    assert (found.level[found.admitted] >= np.float32(0.9)).all()
    assert (found.admitted_lower <= found.admitted).all()


def test_what_is_far_from_all_training_rows_is_not_admitted(sdm):
    far = np.full((50, 8), 60.0, np.float32)
    found = predict(sdm, far)
    assert (found.d == 0).all() and not found.admitted.any()
    np.testing.assert_allclose(found.probability, 0.5)
    assert set(found.reason) <= {"no region", "zero similarity"}


def test_a_row_is_judged_the_same_alone_in_any_order_and_on_a_mesh(sdm):
    from prm_jax.models import make_mesh

    features, _, _ = clusters(64, seed=2)
    together = predict(sdm, features, nearest=3)
    alone = predict(sdm, features[17:18], nearest=3)
    backwards = predict(sdm, features[::-1], nearest=3, mesh=make_mesh(data=-1))
    for name in ("prediction", "q", "level", "admitted", "ood", "nearest", "reason", "n_hat"):
        np.testing.assert_array_equal(getattr(together, name)[17], getattr(alone, name)[0])
        np.testing.assert_array_equal(getattr(together, name), getattr(backwards, name)[::-1])
    np.testing.assert_allclose(together.probability[17], alone.probability[0], atol=1e-6)


def test_the_nearest_rows_are_those_of_the_features_that_were_given(sdm):
    features, labels, _ = clusters(1600)
    own = sdm.support_row_K[:5]
    found = predict(sdm, features[own], nearest=1)
    np.testing.assert_array_equal(found.nearest[:, 0], own)
    np.testing.assert_array_equal(labels[own], sdm.support_label_K[:5])


def test_noise_has_no_region_with_the_minimum_of_rows():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(600, 8)), rng.integers(0, 2, 600)
    sdm = fit(features, labels, np.arange(600), **{**HYPER, "ladder": 0})
    assert sdm.regions == []
    found = predict(sdm, features.astype(np.float32))
    assert not found.admitted.any() and set(found.reason) <= {"no region", "zero similarity"}


def test_a_row_that_only_a_region_of_too_few_rows_would_admit_says_so(sdm):
    features, _, _ = clusters(200, seed=3)
    small = fit(*clusters(1600), **{**HYPER, "min_rows": 10**6})
    before, found = predict(sdm, features), predict(small, features)
    assert small.regions == [] and {why for *_, why in small.levels} == {"too few rows"}
    assert before.admitted.any() and not found.admitted.any()
    assert set(found.reason[before.admitted]) == {"too few rows"}


def test_the_same_seed_gives_the_same_estimator_and_it_is_a_pytree(sdm):
    again = fit(*clusters(1600), **HYPER)
    jax.tree.map(np.testing.assert_array_equal, sdm, again)


def test_groups_stay_whole_and_halves_are_even():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 40, 500)
    first, second = halves(groups, rng)
    assert not set(groups[first]) & set(groups[second])
    assert len(first) + len(second) == 500 and abs(len(first) - 250) < 30
    for part in halves(np.array([7, 7, 7, 9]), rng):
        assert len(part)


def test_balancing_leaves_as_many_of_each_class():
    labels = np.array([0] * 30 + [1] * 5)
    rows = balanced(np.arange(35), labels, np.random.default_rng(0))
    assert np.bincount(labels[rows]).tolist() == [5, 5]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (dict(widht=3), "unknown hyperparameter 'widht'"),
        (dict(epochs=0), "below 1"),
        (dict(epochs="3"), "field 'epochs': '3' will not do; such as 20"),
        (dict(batch=True), "field 'batch': True will not do"),
        (dict(learning_rate=float("nan")), "nan will not do"),
        (dict(alpha=1), "between 0.5 and 1"),
        (dict(ladder=0.5), "not in"),
        (dict(labels=np.zeros(40, int)), "not classes"),
        (dict(labels=np.r_[1, np.zeros(39, int)]), "no row of class 1"),
        (dict(groups=np.zeros(40, int)), "fewer than two"),
        (dict(features=np.full((40, 8), np.nan)), "not finite"),
        (dict(features=np.ones((40, 8))), "the same number"),
        (dict(groups=np.arange(39)), "do not fit"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_the_reason(change, reason):
    features, labels, groups = clusters(40)
    given = {"features": features, "labels": labels, "groups": groups}
    given.update({name: change[name] for name in given if name in change})
    hyper = {name: value for name, value in change.items() if name not in given}
    with pytest.raises(InputError, match=reason):
        fit(*given.values(), **{**HYPER, **hyper})
