"""SDM's functions on examples worked by hand, in both precisions, and against sorting in numpy."""

import contextlib
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_jax.calibration.sdm import (
    activation,
    admits,
    distance_quantile,
    effective_size,
    find_ladder,
    find_levels,
    find_region,
    first_region,
    loss,
    rescaled_similarity,
    similarity_distance,
    why_no_region,
)
from prm_jax.calibration.sdm.similarity import nearest_rows
from prm_jax.errors import InputError
from prm_jax.models import make_mesh


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    """Both precisions, with jax told to keep the second."""
    wide = request.param == "float64"
    with jax.enable_x64(True) if wide else contextlib.nullcontext():
        yield np.dtype(request.param)


def tolerance(dtype):
    return 1e-6 if dtype == np.float32 else 1e-12


def test_activation_of_worked_examples(dtype):
    z = np.array([[2, 0], [2, 0], [2, 0]], dtype)
    found = activation(z, np.array([0, 6, 3], dtype), np.array([0.5, 1, 0], dtype))
    assert found.dtype == dtype
    expected = [[2 / 3, 1 / 3], [64 / 65, 1 / 65], [1 / 2, 1 / 2]]
    np.testing.assert_allclose(found, expected, rtol=tolerance(dtype))
    three = activation(np.array([[5, 1, -2]], dtype), np.array([9], dtype), np.zeros(1, dtype))
    np.testing.assert_allclose(three, [[1 / 3] * 3], rtol=tolerance(dtype))
    z = np.array([[0.3, -1.2, 2.0]], dtype)
    plain = activation(z, np.array([math.e - 2], dtype), np.ones(1, dtype))
    np.testing.assert_allclose(plain, jax.nn.softmax(z), rtol=2 * tolerance(dtype))


def test_loss_of_worked_examples(dtype):
    z, q, d = np.array([[2, 0]] * 2, dtype), np.array([6, 6], dtype), np.ones(2, dtype)
    label = np.array([1, 0])
    expected = [math.log(65) / math.log(8), math.log(65 / 64) / math.log(8)]
    np.testing.assert_allclose(loss(z, q, d, label), expected, rtol=10 * tolerance(dtype))
    at_zero = loss(np.array([[4.0, 1.0]], dtype), np.zeros(1, dtype), np.zeros(1, dtype), label[:1])
    np.testing.assert_allclose(at_zero, [1], rtol=tolerance(dtype))
    three = loss(np.ones((1, 3), dtype), np.array([7], dtype), np.zeros(1, dtype), label[:1])
    np.testing.assert_allclose(three, [0.5], rtol=tolerance(dtype))


def test_the_base_cancels_in_the_gradient(dtype):
    def total(z):
        return loss(z, jnp.array([6.0, 1e6]), jnp.array([1.0, 0.25]), jnp.array([1, 0])).sum()

    z = jnp.array([[2, 0], [0.1, 0]], dtype)
    gradient = jax.grad(total)(z)
    p = activation(z, jnp.array([6.0, 1e6]), jnp.array([1.0, 0.25]))
    expected = np.array([[1.0], [0.25]]) * (np.asarray(p) - np.array([[0, 1], [1, 0]]))
    np.testing.assert_allclose(gradient[0], [64 / 65, -64 / 65], rtol=10 * tolerance(dtype))
    np.testing.assert_allclose(gradient, expected, atol=10 * tolerance(dtype))


@pytest.mark.parametrize("q", [0.0, 1.0, 2048.0, 1e6])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_float32_is_finite_for_large_similarity_and_zero_distance(q, scale):
    z = jnp.float32([[3, -2], [-3, 2]]) * scale
    for d in (0.0, 0.3, 1.0):
        args = (jnp.full(2, q), jnp.full(2, d))
        value, gradient = jax.value_and_grad(
            lambda z, q_d=args: loss(z, *q_d, jnp.array([0, 0])).sum()
        )(z)
        assert np.isfinite(value) and np.isfinite(gradient).all()
        np.testing.assert_allclose(activation(z, *args).sum(-1), 1, rtol=1e-6)


def test_rescaled_similarity_of_worked_examples(dtype):
    q, p = np.array([0, 1, 7, 7], dtype), np.array([0.5, 0.5, 0.5, 1], dtype)
    np.testing.assert_allclose(rescaled_similarity(q, p), [0, 1, 3, 7], rtol=tolerance(dtype))


SUPPORT = np.array([[0.0], [1.0], [2.0], [4.0]])
LABEL, PRED = np.array([0, 0, 1, 0]), np.array([0, 0, 1, 1])


def test_similarity_and_distance_on_a_line(dtype):
    queries = np.array([[0.4], [2.2], [4.0], [1.5]], dtype)
    q, d0 = similarity_distance(queries, np.array([0, 1, 1, 0]), SUPPORT.astype(dtype), LABEL, PRED)
    assert q.dtype == d0.dtype == dtype
    np.testing.assert_array_equal(q, [2, 1, 0, 1])
    np.testing.assert_allclose(d0, [0.16, 0.04, 0, 0.25], rtol=1e-5)
    support = SUPPORT.astype(dtype)
    q, d0 = similarity_distance(support, PRED, support, LABEL, PRED, np.arange(4), cap=3)
    np.testing.assert_array_equal(q, [1, 1, 0, 1])
    np.testing.assert_allclose(d0, [1, 1, 1, 4])


def by_sorting(query, pred, support, label, support_pred, exclude, cap, groups=None):
    """The definition: walk along the support rows in order of (distance, number)."""
    q, d0 = [], []
    for n, row in enumerate(query):
        distance = np.square(support - row).sum(1)
        order = [k for k in np.lexsort((np.arange(len(support)), distance)) if k != exclude[n]]
        if groups is not None:
            order = [k for k in order if groups[1][k] != groups[0][n] or groups[0][n] < 0]
        run = 0
        for k in order[:cap]:
            if label[k] < 0 or support_pred[k] != label[k] or support_pred[k] != pred[n]:
                break
            run += 1
        q.append(run)
        d0.append(distance[order[0]] if order else np.inf)
    return np.array(q), np.array(d0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(0, 6), st.sampled_from([1, 5]))
def test_rank_of_the_nearest_bad_row_is_the_leading_run(seed, n_support, cap, tile_rows):
    rng = np.random.default_rng(seed)
    support = rng.integers(0, 3, (n_support, 2)).astype(np.float32)  # many ties and duplicates
    label, support_pred = rng.integers(-1, 2, n_support), rng.integers(0, 2, n_support)
    query, pred = rng.integers(0, 3, (7, 2)).astype(np.float32), rng.integers(0, 2, 7)
    exclude = rng.integers(-1, n_support, 7)
    groups = rng.integers(-1, 3, 7), rng.integers(-1, 3, n_support)
    for options, of in (
        ({}, None),
        ({"query_group_N": groups[0], "support_group_K": groups[1]}, 1),
    ):
        found = similarity_distance(
            query, pred, support, label, support_pred, exclude, cap, tile_rows=tile_rows, **options
        )
        expected = by_sorting(
            query, pred, support, label, support_pred, exclude, cap, groups if of else None
        )
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_allclose(found[1], expected[1])


def test_support_rows_on_several_devices_give_the_same():
    rng = np.random.default_rng(1)
    support, label = rng.integers(0, 4, (21, 3)).astype(np.float32), rng.integers(0, 2, 21)
    query, pred = rng.integers(0, 4, (9, 3)).astype(np.float32), rng.integers(0, 2, 9)
    given = (query, pred, support, label, rng.integers(0, 2, 21), np.arange(9))
    alone = similarity_distance(*given)
    spread = similarity_distance(*given, mesh=make_mesh(data=-1))
    np.testing.assert_array_equal(spread, alone)


def test_nearest_rows_come_in_the_order_of_their_distance():
    support = np.array([[5.0], [1.0], [1.0], [-2.0]], np.float32)
    found = nearest_rows(np.array([[0.0], [4.0]], np.float32), support, 3)
    np.testing.assert_array_equal(found, [[1, 2, 3], [0, 1, 2]])


def test_rows_far_from_the_origin_keep_their_small_distances():
    rng = np.random.default_rng(0)
    support = (1000 + rng.normal(size=(50, 16))).astype(np.float32)
    labels = np.zeros(50, int)
    q, d0 = similarity_distance(support, labels, support, labels, labels)
    np.testing.assert_array_equal(d0, 0)
    np.testing.assert_array_equal(q, 50)


def test_distance_quantile_of_worked_examples(dtype):
    of_class = (np.array([1, 2, 3, 4], dtype), np.array([2, 2, 6], dtype))
    d0 = np.array([0, 1, 2, 2.5, 4, 6, 7], dtype)
    expected = [1, 1, 3 / 4, 1 / 3, 1 / 4, 0, 0]
    np.testing.assert_allclose(distance_quantile(d0, of_class), expected, rtol=tolerance(dtype))
    assert not distance_quantile(d0, (of_class[0], np.zeros(0, dtype))).any()


ROWS = [
    (0, 0, 0.99),
    (1, 0, 0.30),
    (1, 1, 0.95),
    (2, 1, 0.80),
    (3, 0, 0.97),
    (3, 1, 0.92),
    (5, 0, 0.91),
]


def region_rows(rows, dtype):
    rescaled, label, p = (np.array(column) for column in zip(*rows))
    prob = np.stack([np.where(label == c, p, 1 - p) for c in (0, 1)], axis=1)
    return prob.astype(dtype), rescaled.astype(dtype), label


def test_region_of_the_worked_example(dtype):
    region = find_region(*region_rows(ROWS, dtype), alpha=0.9, min_rows=1)
    assert region.q_min == 3 and region.rows_C.tolist() == [2, 1]
    np.testing.assert_allclose(region.psi_C, [0.91, 0.92], rtol=1e-6)
    prob = np.array([[0.91, 0.09], [0.99, 0.01], [0.905, 0.095], [0.05, 0.95]], dtype)
    found = admits(region, prob, np.array([3, 2.9, 4, 9], dtype), prob.argmax(1))
    np.testing.assert_array_equal(found, [True, False, False, True])
    assert find_region(*region_rows(ROWS, dtype), alpha=0.97, min_rows=1) is None
    assert find_region(*region_rows(ROWS, dtype), alpha=0.9) is None  # too few rows


def by_definition(prob, rescaled, label, alpha):
    """Alg. 1 as it is written, in O(n^2)."""
    kept = rescaled > 0
    for q_min in np.unique(rescaled[kept]):
        psi = []
        for c in range(prob.shape[1]):
            a = np.sort(prob[kept & (rescaled >= q_min) & (label == c), c])
            place = min(math.floor(round(1 - alpha, 10) * len(a)), len(a) - 1)
            psi.append(a[place] if len(a) else 0)
        if min(psi) >= prob.dtype.type(alpha):
            return q_min, psi
    return None


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 60),
    st.sampled_from([0.6, 0.8, 0.9, 0.95]),
    st.integers(2, 3),
)
def test_one_sweep_finds_what_the_definition_finds(seed, n, alpha, n_classes):
    rng = np.random.default_rng(seed)
    prob = rng.dirichlet(np.full(n_classes, 0.1), n).astype(np.float32)
    label = np.where(rng.random(n) < 0.9, prob.argmax(1), rng.integers(0, n_classes, n))
    rescaled = np.round(rng.random(n) * 6).astype(np.float32)
    found = find_region(prob, rescaled, label, alpha, min_rows=1)
    expected = by_definition(prob, rescaled, label, alpha)
    assert (found is None) == (expected is None)
    if found is not None:
        assert found.q_min == expected[0]
        np.testing.assert_array_equal(found.psi_C, expected[1])
        order = rng.permutation(n)
        again = find_region(prob[order], rescaled[order], label[order], alpha, min_rows=1)
        assert again.q_min == found.q_min


def test_ten_rows_at_ninety_per_cent_may_have_one_wrong():
    # 1 - 0.9 is below 0.1 in floating point, which would ask for ten of ten.
    rows = [(1, c, p) for c in (0, 1) for p in [0.2] + [0.95] * 9]
    region = find_region(*region_rows(rows, np.float32), alpha=0.9, min_rows=10)
    assert region.rows_C.tolist() == [10, 10]


def test_a_ladder_goes_on_with_what_is_left(dtype):
    rows = [(4, 0, 0.9), (4, 1, 0.85), (2, 0, 0.7), (2, 1, 0.65), (2, 0, 0.75)]
    rungs = find_ladder(*region_rows(rows, dtype), step=0.2, min_rows=1)
    assert [(rung.alpha, rung.q_min) for rung in rungs] == [(0.8, 4), (0.6, 2)]
    assert rungs[1].rows_C.tolist() == [2, 1]


def test_a_level_without_a_region_says_whether_rows_or_accuracy_were_missing():
    # Two rows of each class at 0.95, eight of each at 0.7.
    rows = [(9, 0, 0.95), (9, 1, 0.95)] * 2 + [(5, 0, 0.75), (5, 1, 0.75)] * 6
    of = region_rows(rows, np.float32)
    levels = [0.95, 0.9, 0.7]
    found = find_levels(*of, levels, min_rows=3)
    assert [why_no_region(region, 3) for region in found] == ["too few rows", "too few rows", ""]
    # Too small a region takes no rows from those below.
    assert [region.rows_C.tolist() for region in found] == [[2, 2], [2, 2], [8, 8]]
    enough = find_levels(*of, levels, min_rows=2)
    assert enough[1] is None and enough[2].rows_C.tolist() == [6, 6]
    assert why_no_region(first_region(*of, 0.97), 1) == "no region"


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_shapes_that_do_not_fit_are_refused(wrong):
    given = [np.full((4, 2), 0.5), np.ones(4), np.zeros(4, int)]
    given[wrong] = given[wrong][:3]
    with pytest.raises(InputError, match="do not fit"):
        find_region(*given, 0.9)
    with pytest.raises(InputError, match="do not fit"):
        find_ladder(*given)
    with pytest.raises(InputError, match="do not fit"):
        find_region(np.full((4, 2), 0.5), np.ones(3), np.zeros(3, int), 0.9)


def test_effective_size_of_the_worked_example(dtype):
    by_class = (np.array([1, 1, 4], dtype), np.array([2, 5], dtype))
    n_hat, epsilon = effective_size(np.array([4, 0.5], dtype), by_class, 0.9)
    np.testing.assert_array_equal(n_hat, [[3, 1], [0, 0]])
    np.testing.assert_allclose(epsilon, [math.sqrt(math.log(20) / 2), 1], rtol=1e-6)


def test_a_region_can_be_found_while_a_predicted_class_is_mostly_wrong():
    # What imbalance does: both classes are right 95 %, and 10 of 60 predicted as 1 are.
    rows = [(1, 0, 0.99)] * 950 + [(1, 0, 0.01)] * 50 + [(1, 1, 0.99)] * 10
    prob, rescaled, label = region_rows(rows, np.float32)
    region = find_region(prob, rescaled, label, 0.95, min_rows=10)
    inside = admits(region, prob, rescaled, prob.argmax(1))
    assert (label[inside & (prob.argmax(1) == 1)] == 1).mean() == pytest.approx(10 / 60)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 0.2])
def test_an_accuracy_that_cannot_be_asked_for_is_refused(alpha):
    with pytest.raises(InputError, match="between 0.5 and 1"):
        find_region(np.ones((1, 2)) / 2, np.ones(1), np.zeros(1, int), alpha)
    with pytest.raises(InputError, match="between 0.5 and 1"):
        effective_size(np.ones(1), (np.ones(1),), alpha)
