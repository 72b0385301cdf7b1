"""Intervals over seeds and the verdicts that follow from them."""

import math

import pytest

from prm_jax.errors import InputError
from prm_jax.reproduce.claim import Claim, estimate


def test_interval_is_students_t_by_hand():
    # Mean 3, sample deviation sqrt(2.5), t(0.975, 4) = 2.776445.
    found = estimate([1, 2, 3, 4, 5])
    reach = 2.776445 * math.sqrt(2.5 / 5)
    assert found == pytest.approx({"mean": 3, "low": 3 - reach, "high": 3 + reach}, rel=1e-6)


def test_equal_seeds_give_a_point():
    assert estimate([0.5, 0.5]) == {"mean": 0.5, "low": 0.5, "high": 0.5}


@pytest.mark.parametrize("values", [[], [1.0], [1.0, float("nan")]])
def test_no_interval_without_two_numbers(values):
    with pytest.raises(InputError):
        estimate(values)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.01, 0.03, "reproduced"),
        (-0.01, 0.03, "inconclusive"),
        (0.0, 0.03, "inconclusive"),
        (-0.03, -0.01, "not reproduced"),
        (-0.03, 0.0, "not reproduced"),
        (0.0, 0.0, "not reproduced"),
    ],
)
def test_a_claim_of_more_than_zero(low, high, verdict):
    assert Claim("", "").verdict(low, high) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.01, 0.01, "reproduced"),
        (-0.01, 0.03, "inconclusive"),
        (-0.05, 0.05, "inconclusive"),
        (0.02, 0.05, "not reproduced"),
        (-0.05, -0.02, "not reproduced"),
    ],
)
def test_a_claim_of_no_difference(low, high, verdict):
    assert Claim("", "", above=-0.02, below=0.02).verdict(low, high) == verdict


def test_a_region_reads_as_it_is():
    assert Claim("", "").region() == "> 0"
    assert Claim("", "", above=-math.inf, below=0.5).region() == "< 0.5"
    assert Claim("", "", above=-0.02, below=0.02).region() == "within -0.02 and 0.02"
