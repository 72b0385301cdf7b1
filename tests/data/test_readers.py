"""Readers: the same batches from any number of processes, each of which reads only its share."""

import json
import re

import numpy as np
import pytest

from prm_jax.data.corpus import make_corpus, read_trajectories
from prm_jax.data.pipeline import batches, count_batches
from prm_jax.data.readers import drawn, merged
from prm_jax.errors import InputError
from prm_jax.formats import array_records
from prm_jax.records import Rejects

ROWS, ROW_LENGTH, MAX_STEPS, READERS = 8, 40, 8, 4
SHAPE = (ROWS, ROW_LENGTH, MAX_STEPS)
N = 240


def rows(n, name="number"):
    return [
        {"problem": f"{name} {i}", "steps": ["a"] * (1 + i % 3), "labels": [i % 2] * (1 + i % 3)}
        for i in range(n)
    ]


@pytest.fixture
def stored(tmp_path):
    """`stored(name, rows)` writes a set of array_record files and gives the glob that names it."""

    def write(name, rows):
        array_records.write(tmp_path / name, rows, shard_size=100)
        return f"{tmp_path}/{name}-*.array_record"

    return write


@pytest.fixture
def make(tokenizer, convention):
    def corpus(line, stream=True, unlabelled="error", **options):
        kept, _ = read_trajectories(line, stream=stream, **options)
        return make_corpus(kept, tokenizer, convention, ROW_LENGTH, unlabelled=unlabelled)

    return corpus


def stream(corpus, process=0, processes=1, *, readers=READERS, seed=3, epochs=None):
    each = ROWS // processes
    return iter(
        batches(
            corpus,
            *SHAPE,
            seed=seed,
            epochs=epochs,
            readers=readers,
            row_range=slice(process * each, (process + 1) * each),
        )
    )


def together(parts):
    """A batch out of its rows in several processes."""
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def take(n, iterators):
    return [together([next(iterator) for iterator in iterators]) for _ in range(n)]


def assert_same(some, others):
    assert len(some) == len(others)
    for one, other in zip(some, others):
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)


def examples(found):
    """Numbers of the trajectories of batches, each as often as it came."""
    return [
        int(number)
        for batch in found
        for number in batch["step_example"][batch["step_mask"] & (batch["step_index"] == 0)]
    ]


@pytest.mark.parametrize(
    ("seed", "weights"), [(None, ("", "")), (3, ("?weight=1", "?weight=3"))], ids=["plain", "mixed"]
)
def test_batches_are_the_same_for_any_number_of_processes_and_from_memory(
    stored, make, seed, weights
):
    line = f"{stored('a', rows(90))}{weights[0]},{stored('b', rows(150, 'b'))}{weights[1]}"
    corpus, memory = make(line), make(line, stream=False)
    whole = take(8, [stream(corpus, seed=seed)])
    for processes in (2, 4, 8):
        parts = [stream(corpus, i, processes, seed=seed) for i in range(processes)]
        assert_same(take(8, parts), whole)
    assert_same(take(8, [stream(memory, i, 2, seed=seed) for i in range(2)]), whole)


def test_a_process_reads_only_its_share(stored, make, monkeypatch):
    corpus, reads = make(stored("a", rows(N))), []
    read = array_records.ArrayRecords.__getitem__
    monkeypatch.setattr(
        array_records.ArrayRecords,
        "__getitem__",
        lambda self, number: reads.append(number) or read(self, number),
    )
    shares = []
    for process in range(2):
        reads.clear()
        found = examples(stream(corpus, process, 2, epochs=1))
        assert sorted(found) == sorted(reads)
        shares.append(set(found))
    assert [len(part) for part in shares] == [N / 2, N / 2]
    assert shares[0] | shares[1] == set(range(N))


@pytest.mark.parametrize("streamed", [True, False])
def test_every_trajectory_comes_once_an_epoch_and_batches_are_counted(stored, make, streamed):
    corpus = make(stored("a", rows(41)), stream=streamed)
    options = dict(readers=READERS, seed=3, epochs=2)
    found = list(stream(corpus, epochs=2))
    assert sorted(examples(found)) == sorted(2 * list(range(41)))
    if not streamed:
        assert count_batches(corpus, *SHAPE, **options) == len(found)


def test_more_readers_than_trajectories_leave_rows_empty(stored, make):
    (batch,) = stream(make(stored("a", rows(2))), epochs=1)
    assert sorted(examples([batch])) == [0, 1]


def test_one_reader_packs_as_ever(stored, make):
    corpus = make(stored("a", rows(90)))
    plain = iter(batches(corpus, *SHAPE, seed=3, epochs=None))
    assert_same(take(8, [stream(corpus, readers=1)]), take(8, [plain]))
    assert plain.get_state().keys() == {"parent", "waiting", "drawn"}


@pytest.mark.parametrize(("before", "after"), [(2, 4), (4, 1), (1, 2)])
def test_another_number_of_processes_goes_on_with_the_same_batches_and_counts(
    stored, make, tmp_path, before, after
):
    found = rows(N)
    found[7]["steps"] = found[100]["steps"] = []  # bad rows are left out, and counted
    corpus = make(stored("a", found), skip_bad=Rejects(tmp_path / "r"), validation_fraction=0.2)
    whole = stream(corpus)
    expected = take(24, [whole])
    parts = [stream(corpus, i, before) for i in range(before)]
    take(11, parts)
    state = json.dumps(merged([part.get_state() for part in parts]))
    again = [stream(corpus, i, after) for i in range(after)]
    for part in again:
        part.set_state(json.loads(state))
    assert_same(take(13, again), expected[11:])
    counts = drawn(merged([part.get_state() for part in again]))
    assert counts == drawn(whole.get_state())
    assert counts["left_out"]["bad_row"] > 2 and counts["left_out"]["held_out"] > 0
    assert counts["trajectories"] > N


def test_weights_hold_among_the_trajectories_of_every_reader(stored, make):
    """Sources of other lengths would shift the mixture if one reader had one source."""
    short = stored("short", [row | {"steps": ["a"], "labels": [1]} for row in rows(60)])
    long = stored("long", [row | {"steps": ["a"] * 6, "labels": [1] * 6} for row in rows(60)])
    corpus = make(f"{short}?weight=1,{long}?weight=1")
    for process in range(READERS):
        found = examples(take(40, [stream(corpus, process, READERS)]))
        assert abs(np.mean(np.array(found) < 60) - 0.5) < 0.05


def test_a_reader_without_anything_to_learn_from_is_an_error_and_no_endless_search(stored, make):
    found = rows(40)
    for row in found[1::2]:
        row["labels"] = [None] * len(row["steps"])
    corpus = make(stored("a", found), unlabelled="drop")
    assert take(2, [stream(corpus, readers=2)])
    with pytest.raises(InputError, match="left out: without_label"):
        next(stream(corpus, readers=2, seed=None))


def test_rows_that_the_readers_do_not_divide_are_refused(stored, make):
    corpus = make(stored("a", rows(5)))
    with pytest.raises(InputError, match=re.escape("8 rows cannot be split over 3 readers")):
        stream(corpus, readers=3)
    with pytest.raises(InputError, match="at least 1"):
        stream(corpus, readers=0)
