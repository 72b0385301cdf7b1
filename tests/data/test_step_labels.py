"""Labels from shares of right completions."""

import collections
import random

import pytest

from prm_jax.data.step_labels import (
    balance_outcomes,
    balance_steps,
    noise_tolerant_labels,
    sorm_labels,
)
from prm_jax.errors import InputError
from prm_jax.records import Trajectory


@pytest.mark.parametrize(
    ("labels", "repaired"),
    [
        ((1, 0, 1, 0, 0), (1, 1, 1, 0, 0)),
        ((0, 0, 1), (1, 1, 1)),
        ((0, 0), (0, 0)),
        ((0.25, None, 0.5, 0.125), (0.5, None, 0.5, 0.125)),
        ((), ()),
    ],
)
def test_a_step_is_as_good_as_the_best_after_it(labels, repaired):
    assert sorm_labels(labels) == repaired
    assert sorm_labels(repaired) == repaired


def test_noise_tolerant_labels_have_the_published_values():
    shares = (1, 0.875, 0.5, 0.25, 0, 0.3)
    assert noise_tolerant_labels(shares, 0.8) == pytest.approx((1, 1, 0.625, 0.3125, 0, None))
    assert noise_tolerant_labels(shares, 0.8, distance=0) == (1, 1, 1, 1, 0, None)


def test_a_confident_completer_changes_no_share_and_a_share_above_its_own_rate_is_right():
    shares = (0.5, 0.75, 0)
    assert noise_tolerant_labels(shares, 1.0, distance=9) == shares
    assert noise_tolerant_labels(shares, 0.6, distance=9) == pytest.approx((0.5 / 0.6, 1, 0))


def test_a_solution_without_an_error_that_shows_is_left_out():
    assert noise_tolerant_labels((1, 0.1), 0.8) is None
    assert noise_tolerant_labels((0, 1), 0.8) == (0, None)


@pytest.mark.parametrize(("confidence", "distance"), [(0, 2), (1.5, 2), (0.8, -1)])
def test_impossible_parameters_are_refused(confidence, distance):
    with pytest.raises(InputError):
        noise_tolerant_labels((1, 0), confidence, distance)


def rows(n=200, seed=0):
    rng = random.Random(seed)
    for _ in range(n):
        steps = tuple("abcd"[: rng.randint(1, 4)])
        labels = tuple(float(rng.random() < 0.8 - 0.2 * i) for i in range(len(steps)))
        yield Trajectory("Find x.", steps, labels=labels, outcome=labels[-1])


def test_right_and_wrong_labels_are_equally_many_at_each_step_and_none_is_made_up():
    before = list(rows())
    after = balance_steps(before, seed=3)
    counts = collections.Counter(
        (i, label) for t in after for i, label in enumerate(t.labels) if label is not None
    )
    original = collections.Counter((i, label) for t in before for i, label in enumerate(t.labels))
    for i in range(4):
        assert counts[i, 0.0] == counts[i, 1.0] == min(original[i, 0.0], original[i, 1.0]) > 0
    for one, other in zip(before, after, strict=True):
        assert one.steps == other.steps
        assert all(b in (a, None) for a, b in zip(one.labels, other.labels, strict=True))
    assert after == balance_steps(before, seed=3) != balance_steps(before, seed=4)


def test_labels_that_a_first_error_implies_are_balanced_and_do_not_come_back():
    one = Trajectory("Find x.", ("a", "b"), first_error=1)
    (after,) = balance_steps([one])
    assert after.step_labels() == (None, None)


def test_right_and_wrong_solutions_are_equally_many_and_in_their_order():
    before = list(rows())
    after = balance_outcomes(before, seed=1)
    right = sum(t.outcome == 1 for t in before)
    assert 0 < right < len(before)
    assert [t.outcome for t in after].count(1) == [t.outcome for t in after].count(0)
    assert len(after) == 2 * min(right, len(before) - right)
    numbers = [id(t) for t in before]
    assert sorted(numbers.index(id(t)) for t in after) == [numbers.index(id(t)) for t in after]
    with pytest.raises(InputError, match="no outcome"):
        balance_outcomes([Trajectory("Find x.", ("a",))])
