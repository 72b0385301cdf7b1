"""The counts of a data set against those that the rows show."""

import json

from prm_jax.data.statistics import describe, describe_by_source
from prm_jax.records import Trajectory

ROWS = [
    Trajectory("Find x.", ("a", "b"), labels=(1.0, 0.0), outcome=0),
    Trajectory(" find  x.", ("a", "b"), labels=(1.0, 1.0), outcome=1),  # the same attempt
    Trajectory("Find x.", ("c",), labels=(0.25,)),
    Trajectory("Find y.", ("a", "b", "c", "d"), first_error=1),
    Trajectory("Find y.", ("a", "b", "d"), labels=(1.0, None, 0.75), outcome=0.5),
]


def test_the_counts_are_those_of_the_rows():
    found = describe(ROWS)
    assert (found["trajectories"], found["problems"], found["duplicates"]) == (5, 2, 1)
    assert found["steps"] == {
        "total": 12,
        "per_solution": {"least": 1, "median": 2, "mean": 2.4, "most": 4},
    }
    assert found["labels"] == {"right": 5, "wrong": 2, "soft": 2, "unlabelled": 3}
    assert found["outcomes"] == {"right": 1, "wrong": 1, "soft": 1, "unknown": 2}
    assert found["first_error"] == {
        "known": 4,  # the last row has an unlabelled step
        "wrong": 3,
        "share": 0.75,
        "position": {"0": 1, "1": 2},
        "quarter": [1, 1, 1, 0],
    }
    assert describe(ROWS[::-1]) == found
    assert json.loads(json.dumps(found)) == found


def test_what_is_not_known_is_no_share():
    found = describe([Trajectory("p", ("a", "b"))])
    assert found["first_error"]["known"] == 0 and found["first_error"]["share"] is None
    assert found["labels"] == {"right": 0, "wrong": 0, "soft": 0, "unlabelled": 2}


def test_sources_are_counted_apart():
    rows = [Trajectory("p", ("a",), source=name) for name in ("b", "a", "b", None)]
    found = describe_by_source(rows)
    assert {name: counts["trajectories"] for name, counts in found.items()} == {
        "-": 1,
        "a": 1,
        "b": 2,
    }
    assert list(found) == ["-", "a", "b"] and found["b"] == describe([rows[0], rows[2]])
