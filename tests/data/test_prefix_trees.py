"""Rows of trees against sets of prefixes."""

import numpy as np
import pytest

from prm_jax.data.prefix_trees import BLOCK, merge


def branching(seed, n=25, longest=300):
    """Sequences each of which goes on from somewhere in an earlier one; some are only a prefix."""
    rng = np.random.default_rng(seed)
    found = [rng.integers(0, 3, longest // 2)]
    while len(found) < n:
        base = found[rng.integers(len(found))]
        kept = base[: rng.integers(0, len(base) + 1)]
        more = rng.integers(0, 3, rng.integers(0, 1 + (longest - len(kept)) // 2))
        found.append(np.concatenate([kept, more]))
    return [sequence.astype(np.int32) for sequence in found if len(sequence)]


def prefixes(sequences):
    return {tuple(s[: n + 1].tolist()) for s in sequences for n in range(len(s))}


def ancestors_of(row, place):
    before = np.arange(place)
    return before[row.end[:place] > place]


@pytest.mark.parametrize("capacity", [10**6, 400])
@pytest.mark.parametrize("seed", range(4))
def test_every_sequence_is_read_back_from_its_own_path(seed, capacity):
    sequences = branching(seed)
    rows = list(merge(sequences, capacity))
    assert sorted(n for row in rows for n in row.places) == list(range(len(sequences)))
    assert (len(rows) > 1) == (capacity == 400)
    for row in rows:
        assert len(row.tokens) <= capacity
        for number, places in row.places.items():
            np.testing.assert_array_equal(row.tokens[places], sequences[number])
            np.testing.assert_array_equal(row.depth[places], np.arange(len(places)))
            np.testing.assert_array_equal(ancestors_of(row, places[-1]), places[:-1])


@pytest.mark.parametrize("seed", range(4))
def test_a_row_holds_every_prefix_once(seed):
    sequences = branching(seed)
    (row,) = merge(sequences, 10**6)
    assert len(row.tokens) == len(prefixes(sequences)) < sum(map(len, sequences))
    # Split rows hold what their own sequences need and no more.
    for part in merge(sequences, 400):
        assert len(part.tokens) == len(prefixes([sequences[n] for n in part.places]))


def test_the_keys_that_a_block_sees_before_it_are_its_first_tokens_ancestors():
    (row,) = merge(branching(0), 10**6)
    assert len(row.ancestors) == -(-len(row.tokens) // BLOCK) > 3
    for block, ancestors in enumerate(row.ancestors):
        start = block * BLOCK
        np.testing.assert_array_equal(ancestors, ancestors_of(row, start))
        for query in range(start, min(start + BLOCK, len(row.tokens))):
            seen = ancestors_of(row, query)
            assert set(seen[seen < start]) <= set(ancestors)


def test_neither_order_nor_duplicates_change_a_row():
    sequences = branching(1)
    (row,) = merge(sequences, 10**6)
    again = [sequences[n] for n in np.random.default_rng(0).permutation(len(sequences))]
    (shuffled,) = merge(again + sequences[:5], 10**6)
    np.testing.assert_array_equal(shuffled.tokens, row.tokens)
    np.testing.assert_array_equal(shuffled.end, row.end)
    assert list(merge([], 10)) == []
