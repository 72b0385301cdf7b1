import itertools
import math

import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.scoring.tournament import METHODS, tournament

STRENGTH = [0.3, 2.0, -1.0, 0.9, 1.1, -0.2, 0.0]


def by_strength(strength, first_place=0.0):
    """Compares by strength, with a liking for whoever is read first; keeps what it was asked."""
    asked = []

    def compare(pairs):
        asked.extend(pairs)
        gaps = [strength[i] - strength[j] + first_place for i, j in pairs]
        return [1 / (1 + math.exp(-gap)) for gap in gaps]

    return compare, asked


@pytest.mark.parametrize("first_place", [0.0, 3.0, -3.0])
@pytest.mark.parametrize("method", METHODS)
def test_a_true_order_is_found_whatever_place_is_liked(method, first_place):
    compare, _ = by_strength(STRENGTH, first_place)
    found = tournament(7, compare, method, passes=6)
    assert list(found.ranking) == np.argsort(STRENGTH)[::-1].tolist()
    assert [found.points[i] for i in found.ranking] == pytest.approx(np.linspace(1, 0, 7))


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_candidates_changes_no_points(method):
    for order in ([6, 5, 4, 3, 2, 1, 0], [3, 0, 6, 2, 5, 1, 4]):
        compare, _ = by_strength([STRENGTH[i] for i in order])
        moved = tournament(7, compare, method, passes=6).points
        compare, _ = by_strength(STRENGTH)
        points = tournament(7, compare, method, passes=6).points
        assert moved == tuple(points[i] for i in order)


def test_each_pair_is_asked_once_in_each_order_and_counted():
    most = {"all_pairs": 21, "sorting": 15, "sliding_window": 6}
    for method in METHODS:
        compare, asked = by_strength(STRENGTH)
        found = tournament(7, compare, method)
        assert len(asked) == len(set(asked)) == 2 * found.comparisons
        assert {(j, i) for i, j in asked} == set(asked)
        assert found.comparisons <= most[method]
    assert tournament(7, by_strength(STRENGTH)[0]).comparisons == 21


def test_all_pairs_are_one_call():
    calls = []
    tournament(5, lambda pairs: calls.append(pairs) or [0.5] * len(pairs))
    assert len(calls) == 1


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_k_passes_find_the_first_k(passes):
    for order in itertools.islice(itertools.permutations(range(7)), 0, 5040, 411):
        strength = [STRENGTH[i] for i in order]
        found = tournament(7, by_strength(strength)[0], "sliding_window", passes=passes)
        best = sorted(range(7), key=lambda i: -strength[i])[:passes]
        assert list(found.ranking[:passes]) == best


def test_ties_are_half_a_win_and_keep_the_order_given():
    found = tournament(3, by_strength([1.0, 1.0, 0.0], first_place=2.0)[0])
    assert found.points == (0.75, 0.75, 0.0) and found.ties == 1
    for method in METHODS:
        found = tournament(4, by_strength([1.0] * 4, first_place=1.0)[0], method)
        assert found.ranking == (0, 1, 2, 3) and found.ties == found.comparisons


def test_a_circle_gives_equal_points_in_all_pairs_and_ends_in_the_others():
    def circle(pairs):
        return [float((j - i) % 3 == 1) for i, j in pairs]

    assert tournament(3, circle).points == (0.5, 0.5, 0.5)
    for method in METHODS:
        assert sorted(tournament(3, circle, method).ranking) == [0, 1, 2]


@pytest.mark.parametrize("method", METHODS)
def test_one_candidate_or_none_needs_no_comparison(method):
    assert tournament(1, by_strength([1])[0], method).points == (0.5,)
    assert tournament(0, by_strength([])[0], method).ranking == ()


@pytest.mark.parametrize("options", [{"method": "knockout"}, {"passes": 0}])
def test_other_methods_and_no_passes_are_refused(options):
    with pytest.raises(InputError):
        tournament(2, by_strength([0, 1])[0], **options)
