"""Dates agree with the standard library and with the calendar's odd cases."""

import datetime

import numpy as np
import pytest

from prm_jax.data.synthetic.calendar import Calendar
from prm_jax.data.synthetic.family import ErrorKind, Problem, true_states


def _last(start, *operations):
    return true_states(Calendar(), Problem(start, operations))[-1]


@pytest.mark.parametrize(
    "start, operation, result",
    [
        ((2024, 1, 31), (1, 1, "months"), (2024, 2, 29)),
        ((2023, 1, 31), (1, 1, "months"), (2023, 2, 28)),
        ((2024, 5, 31), (-1, 6, "months"), (2023, 11, 30)),
        ((2024, 12, 15), (1, 12, "months"), (2025, 12, 15)),
        ((2024, 2, 28), (1, 48, "hours"), (2024, 3, 1)),
        ((2025, 1, 5), (-1, 2, "weeks"), (2024, 12, 22)),
        ((2100, 2, 28), (1, 1, "days"), (2100, 3, 1)),
    ],
)
def test_months_are_clamped_and_leap_years_counted(start, operation, result):
    assert _last(start, operation) == result


def test_days_weeks_and_hours_agree_with_the_standard_library():
    rng = np.random.default_rng(0)
    for _ in range(300):
        date = datetime.date(2016, 1, 1) + datetime.timedelta(days=int(rng.integers(20000)))
        sign, amount = (1, -1)[int(rng.integers(2))], int(rng.integers(1, 500))
        for unit, size in (("days", 1), ("weeks", 7)):
            later = date + datetime.timedelta(days=sign * size * amount)
            found = _last((date.year, date.month, date.day), (sign, amount, unit))
            assert found == (later.year, later.month, later.day)
            days = _last(date.timetuple()[:3], (sign, 24 * size * amount, "hours"))
            assert days == found


@pytest.mark.parametrize("start", [(2024, 2, 20), (2023, 2, 20)])
def test_a_wrong_leap_year_is_off_by_one_day(start):
    family, problem = Calendar(), Problem(start, ((1, 20, "days"),))
    wrong = family.corrupt(
        np.random.default_rng(0), ErrorKind.WRONG_LEAP_YEAR, problem, 0, start
    ).result
    right = family.move(problem, 0, start).result
    assert abs(datetime.date(*wrong) - datetime.date(*right)).days == 1
