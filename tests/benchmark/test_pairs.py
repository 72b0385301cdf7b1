"""Ways of doing the same work are timed in turn."""

from prm_jax.benchmark.pairs import first_of_each, in_turn, median_ratio


def test_ways_run_in_turn_and_are_compared_pair_by_pair():
    order = []

    def way(name, seconds):
        return lambda: order.append(name) or seconds[order.count(name) - 1]

    ways = {"ours": way("ours", [9, 1, 2, 4]), "theirs": way("theirs", [5, 3, 8, 4])}
    assert first_of_each(ways) == {"ours": 9, "theirs": 5}
    seconds = in_turn(ways, 3)
    assert order == ["ours", "theirs"] * 4
    assert seconds == {"ours": [1, 2, 4], "theirs": [3, 8, 4]}
    assert median_ratio(seconds["theirs"], seconds["ours"]) == 3.0
