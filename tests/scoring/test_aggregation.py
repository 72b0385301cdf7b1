import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prm_jax.errors import InputError
from prm_jax.scoring import AGGREGATIONS, aggregate, aggregate_batch
from prm_jax.scoring.aggregation import CLIP

GOLDEN = {
    "min": 0.6,
    "product": 0.513,
    "geometric_mean": 0.80052,
    "mean": 0.81667,
    "last": 0.95,
    "max": 0.95,
    "sum_logit": 5.54713,
    "mean_logit": 0.864015,
    "sum_log_prob": -0.667479,
}
PROBABILITIES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


@pytest.mark.parametrize("method", AGGREGATIONS)
def test_golden_values(method):
    assert aggregate([0.9, 0.6, 0.95], method) == pytest.approx(GOLDEN[method], abs=5e-6)


def test_every_method_has_a_golden_value():
    assert set(GOLDEN) == set(AGGREGATIONS)


@pytest.mark.parametrize("method", AGGREGATIONS)
def test_steps_without_a_score_are_left_out(method):
    assert aggregate([0.9, 0.6, 0.95, None], method) == aggregate([0.9, 0.6, 0.95], method)


@pytest.mark.parametrize("method", AGGREGATIONS)
@given(p=PROBABILITIES)
def test_a_single_repeated_score_and_exact_0_and_1_stay_finite(method, p):
    assert math.isfinite(aggregate(p, method))


def test_scores_of_exactly_0_and_1_are_clipped_before_logarithms():
    logit = math.log((1 - CLIP) / CLIP)
    assert aggregate([1.0], "sum_logit") == pytest.approx(logit, rel=1e-9)
    assert aggregate([0.0], "sum_logit") == pytest.approx(-logit, rel=1e-9)
    assert aggregate([0.0, 1.0], "sum_log_prob") == pytest.approx(math.log(CLIP), abs=1e-6)
    assert aggregate([0.0, 1.0], "product") == 0
    assert aggregate([0.0, 1.0], "min") == 0


def test_a_long_solution_does_not_underflow_in_the_geometric_mean():
    assert aggregate([0.01] * 1000, "geometric_mean") == pytest.approx(0.01)


@pytest.mark.parametrize("step_scores", [[], [None, None]])
def test_nothing_scored_is_an_error_unless_a_value_is_given(step_scores):
    with pytest.raises(InputError, match="no step has a score"):
        aggregate(step_scores, "min")
    assert aggregate(step_scores, "min", empty=-1.0) == -1.0


@pytest.mark.parametrize("bad", [1.5, -0.1, math.nan, math.inf, True, "0.5"])
def test_a_score_that_is_no_probability_is_named(bad):
    with pytest.raises(InputError, match=r"step_scores\[1\]"):
        aggregate([0.5, bad], "min")


def test_an_unknown_method_lists_the_known_ones():
    with pytest.raises(InputError, match="sum_log_prob"):
        aggregate([0.5], "median")


@given(rows=st.lists(PROBABILITIES, min_size=1, max_size=4), method=st.sampled_from([*GOLDEN]))
def test_a_batch_gives_what_its_rows_give(rows, method):
    width = max(map(len, rows)) + 1
    p_BS, mask_BS = np.full((len(rows) + 1, width), 7.0), np.zeros((len(rows) + 1, width), bool)
    for i, row in enumerate(rows):
        p_BS[i, : len(row)], mask_BS[i, : len(row)] = row, True
    scores_B = aggregate_batch(p_BS, mask_BS, method)
    np.testing.assert_allclose(scores_B[:-1], [aggregate(row, method) for row in rows], rtol=1e-12)
    assert np.isnan(scores_B[-1])
