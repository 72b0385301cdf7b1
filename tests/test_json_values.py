"""What JSON does not know becomes JSON in one stated way, whole floats are integers."""

import datetime
import decimal
import json
import math
import uuid

import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.json_values import Base64, Digits, boolean, dumps, integer, name, number, plain
from prm_jax.records import Trajectory, Where

WHERE = Where("f.jsonl", 3)
MOMENT = datetime.datetime(2022, 7, 30, 14, 39, 3)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (MOMENT, "2022-07-30T14:39:03"),
        (MOMENT.replace(microsecond=5), "2022-07-30T14:39:03.000005"),
        (MOMENT.replace(tzinfo=datetime.UTC), "2022-07-30T14:39:03+00:00"),
        (datetime.date(2024, 1, 1), "2024-01-01"),
        (datetime.time(1, 2), "01:02:00"),
        (datetime.timedelta(seconds=-90.5), "-PT90.5S"),
        (decimal.Decimal("1E-3"), "0.001"),
        (decimal.Decimal("NaN"), None),
        (b"\x00\x01", "AAE="),
        (math.nan, None),
        (np.float32("nan"), None),
        (np.float16(0.5), 0.5),
        (np.uint8(200), 200),
        (np.bool_(True), True),
        (np.array([[1.5, math.nan]]), [[1.5, None]]),
        (np.array(["2020-01-01", "NaT"], "M8[ns]"), ["2020-01-01T00:00:00", None]),
        (np.datetime64("2020-01-01T00:00:00.123456789"), "2020-01-01T00:00:00.123456789"),
        (np.timedelta64(1500, "ms"), "PT1.5S"),
        ({3, 1, 2}, [1, 2, 3]),
        ((1, (2,)), [1, [2]]),
        ({1: 2.5, "a": None}, {"1": 2.5, "a": None}),
        ({(1, 2): 3}, [[[1, 2], 3]]),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_each_kind_has_one_form_and_that_is_json(value, wanted):
    found = plain({"x": [value]}, WHERE)
    assert found == {"x": [wanted]}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_writing_uses_the_same_forms_and_refuses_nan():
    row = {"t": MOMENT, "b": b"\x00", "n": np.arange(2), "s": {2, 1}}
    assert json.loads(dumps(row)) == plain(row, WHERE)
    for value in (math.nan, np.array([math.nan]), 1j):
        with pytest.raises(ValueError):
            dumps({"x": value})


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"a": {"b": [1, math.inf]}}, "a.b[1]"),
        ({"a": -np.inf}, "a"),
        ({"a": decimal.Decimal("Infinity")}, "a"),
        ({"a": 1j}, "a"),
        ({"a": [np.complex64(1)]}, "a[0]"),
    ],
)
def test_what_has_no_form_is_named_by_its_field(row, field):
    with pytest.raises(InputError) as caught:
        plain(row, WHERE)
    assert str(caught.value).startswith(f"f.jsonl:3: field '{field}': ")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        *((-1.0, -1), (2, 2), (np.float32(3), 3), (np.int64(4), 4), (Digits("2.0"), 2)),
        *((1.5, None), (True, None), ("1", None), (math.nan, None), (math.inf, None)),
        *((None, None), (10**30, 10**30)),
    ],
)
def test_a_whole_float_is_an_integer_and_nothing_else_is(value, wanted):
    assert integer(value) == wanted and type(integer(value)) is type(wanted)


def test_numbers_truth_values_and_names():
    assert number(Digits("0.25")) == 0.25 and number(True) is None and number("1") is None
    assert [boolean(v) for v in (True, 0.0, 1, np.bool_(False), 2, "True", None)] == (
        [True, False, True, False, None, None, None]
    )
    assert [name(v) for v in (12, 12.0, "12", None, 1.5)] == ["12", "12", "12", None, "1.5"]


def test_text_fields_do_not_take_bytes_for_text():
    row = {"problem": Base64("AAE="), "steps": ["a"]}
    with pytest.raises(InputError, match=r"f.jsonl:3: field 'problem': .*bytes; store"):
        Trajectory.from_dict(row, WHERE)
    with pytest.raises(InputError, match=r"field 'steps\[0\]': .*bytes"):
        Trajectory.from_dict({"problem": "p", "steps": [Base64("AAE=")]}, WHERE)


def test_integers_of_a_trajectory_may_be_whole_floats():
    row = {"problem": "p", "steps": ["a", "b"], "labels": [1.0, Digits("0.0")]}
    found = Trajectory.from_dict(row | {"first_error": 1.0, "outcome": 0.0}, WHERE)
    assert found.first_error == 1 and type(found.first_error) is int
    assert found.labels == (1.0, 0.0) and found.outcome == 0.0
