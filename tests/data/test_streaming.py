"""array_record sources are read as they are drawn: what comes out is what memory would give."""

import json

import numpy as np
import pytest

from prm_jax.data import streaming
from prm_jax.data.corpus import make_corpus, read_trajectories
from prm_jax.data.pipeline import batches, count_batches
from prm_jax.data.readers import drawn
from prm_jax.data.sources import is_held_out
from prm_jax.errors import InputError
from prm_jax.formats import array_records
from prm_jax.records import Rejects, write_jsonl

ROWS, ROW_LENGTH, MAX_STEPS = 4, 40, 8


def rows(n, **fields):
    return [
        {"problem": f"number {i}", "steps": ["a"] * (1 + i % 3), "labels": [i % 2] * (1 + i % 3)}
        | fields
        for i in range(n)
    ]


@pytest.fixture
def stored(tmp_path):
    """`stored(name, rows)` writes a set of shards of 20 and gives the glob that names it."""

    def write(name, rows):
        array_records.write(tmp_path / name, rows, shard_size=20)
        return f"{tmp_path}/{name}-*.array_record"

    return write


@pytest.fixture
def make(tokenizer, convention):
    """`make(line, ...)` gives the corpus and the held-out trajectories of a line of sources."""

    def corpus(line, max_length=ROW_LENGTH, unlabelled="error", stream=True, **options):
        kept, held_out = read_trajectories(str(line), stream=stream, **options)
        encoded = make_corpus(kept, tokenizer, convention, max_length, unlabelled=unlabelled)
        return encoded, [t for _, group in held_out for t in group]

    return corpus


def stream(corpus, **options):
    return iter(batches(corpus, ROWS, ROW_LENGTH, MAX_STEPS, **options))


def assert_same(one, other):
    assert one.keys() == other.keys()
    for key in one:
        np.testing.assert_array_equal(one[key], other[key], err_msg=key)


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("weights", [("", ""), ("?weight=1", "?weight=3")])
def test_streamed_batches_are_those_of_memory(stored, make, tmp_path, seed, weights):
    write_jsonl(tmp_path / "b.jsonl", rows(30))
    line = f"{stored('a', rows(50))}{weights[0]},{tmp_path / 'b.jsonl'}{weights[1]}"
    (lazy, _), (memory, _) = make(line), make(line, stream=False)
    assert lazy.streamed and not memory.streamed and lazy.sizes == memory.sizes == (50, 30)
    pairs = list(
        zip(stream(lazy, seed=seed, epochs=2), stream(memory, seed=seed, epochs=2), strict=True)
    )
    assert len(pairs) > 10
    for one, other in pairs:
        assert_same(one, other)


def test_a_stream_saved_anywhere_goes_on_the_same_with_its_counts(stored, make):
    path = stored("a", rows(60) + rows(5, steps=["a"], labels=[None]))
    options = dict(seed=5, epochs=3)

    def begin():
        corpus, _ = make(path, unlabelled="drop", validation_fraction=0.2)
        return stream(corpus, **options)

    with pytest.raises(InputError, match="has no label"):
        make(path)
    saving, whole, states = begin(), [], []
    for batch in saving:
        whole.append(batch)
        states.append(json.dumps(saving.get_state()))
    assert len(whole) > 8
    for stop in range(0, len(whole), 3):
        again = begin()
        again.set_state(json.loads(states[stop]))
        for batch, expected in zip(list(again), whole[stop + 1 :], strict=True):
            assert_same(batch, expected)
        assert drawn(again.get_state()) == drawn(saving.get_state())
    counts = drawn(saving.get_state())
    kept = [i for i in range(5) if not is_held_out(f"number {i}", 0.2)]
    assert counts["left_out"]["without_label"] == 3 * len(kept) > 0


def test_held_out_problems_are_those_of_memory_and_never_come_in_the_stream(stored, make):
    path = stored("a", rows(300))
    corpus, held_out = make(path, validation_fraction=0.3)
    memory, expected = make(path, validation_fraction=0.3, stream=False)
    assert {t.problem for t in held_out} == {t.problem for t in expected}
    iterator = stream(corpus, seed=0)
    seen = {int(i) for batch in iterator for i in batch["step_example"].ravel() if i >= 0}
    assert {f"number {i}" for i in seen} == {f"number {i}" for i in range(300)} - {
        t.problem for t in held_out
    }
    counts = drawn(iterator.get_state())
    assert counts["left_out"] == {"held_out": len(expected)}
    assert counts["trajectories"] == len(memory.encoded) == 300 - len(expected)


def test_a_limit_keeps_some_held_out_and_reads_few_records_at_the_start(stored, make, monkeypatch):
    path, reads = stored("a", rows(3000)), []
    read = array_records.ArrayRecords.__getitem__
    monkeypatch.setattr(
        array_records.ArrayRecords,
        "__getitem__",
        lambda self, number: reads.append(number) or read(self, number),
    )
    _, held_out = make(path, validation_fraction=0.2, held_out_limit=10)
    assert len(held_out) == 10
    assert len(reads) <= 2 * streaming.SAMPLE + 2 * 10 / 0.2 + 10 + 1 < 3000 / 4


def test_what_is_larger_than_a_row_is_left_out_and_counted(stored, make):
    found = rows(30)
    found[3] = {"problem": "long", "steps": ["a"] * 9, "labels": [1] * 9}
    corpus, _ = make(stored("a", found))
    iterator = stream(corpus)
    assert 3 not in {int(i) for batch in iterator for i in batch["step_example"].ravel()}
    assert drawn(iterator.get_state())["left_out"] == {"larger_than_a_row": 1}


def test_a_bad_record_is_named_when_it_comes_or_left_out_and_counted(stored, make, tmp_path):
    n = 4 * streaming.SAMPLE
    found = rows(n)
    found[-1]["steps"] = []  # the sample of the start does not see the last one
    path = stored("a", found)
    with pytest.raises(InputError, match="field 'steps'"):
        list(stream(make(path)[0]))
    corpus, _ = make(path, skip_bad=Rejects(tmp_path / "rejects.jsonl"))
    iterator = stream(corpus)
    assert len({int(i) for b in iterator for i in b["step_example"].ravel() if i >= 0}) == n - 1
    assert drawn(iterator.get_state())["left_out"] == {"bad_row": 1}


def test_a_record_of_several_trajectories_and_a_set_without_labels_are_refused(stored, make):
    several = {
        "problem": "1?",
        "gold": "1",
        "candidates": [{"steps": ["1"], "answer": "1", "correct": True}] * 2,
    }
    with pytest.raises(InputError, match="gives 2 trajectories"):
        make(stored("several", [several]))
    with pytest.raises(InputError, match="none of 5 records"):
        make(stored("bare", rows(5, steps=["a"], labels=[None])), unlabelled="drop")


def test_a_bad_first_record_leaves_the_format_to_the_next(stored, make, tmp_path):
    path = stored("a", [{"what": 1}, *rows(5)])
    with pytest.raises(InputError, match="fits no known format"):
        make(path)
    corpus, _ = make(path, skip_bad=Rejects(tmp_path / "rejects.jsonl"))
    iterator = stream(corpus)
    assert sum(len(batch["tokens"]) for batch in iterator) > 0
    assert (
        drawn(iterator.get_state())["trajectories"],
        drawn(iterator.get_state())["left_out"],
    ) == (5, {"bad_row": 1})
    none = stored("none", [{"what": 1}] * 3)
    with pytest.raises(InputError, match="no record could be read"):
        make(none, skip_bad=Rejects(tmp_path / "rejects.jsonl"))


def test_options_of_a_source_hold_for_its_records(stored, make):
    path = stored("a", rows(10, steps=["a", "b", "c"], labels=[1, 0, 1]))
    corpus, _ = make(f"{path}?after_error=truncate")
    assert {len(corpus.encoded[i].step_positions) for i in range(10)} == {2}


def test_sets_that_differ_have_other_fingerprints(stored, make):
    changed = rows(50)
    changed[20]["labels"] = [1 - label for label in changed[20]["labels"]]
    paths = [stored("a", rows(50)), stored("b", rows(50)), stored("c", changed)]
    one, same, other = (make(path)[0].fingerprint for path in paths)
    assert one == same != other


def test_epochs_of_a_stream_are_not_counted(stored, make):
    corpus, _ = make(stored("a", rows(5)))
    with pytest.raises(InputError, match="cannot be counted"):
        count_batches(corpus, ROWS, ROW_LENGTH, MAX_STEPS, seed=0, epochs=1)


def test_names_say_file_and_record_without_reading(stored, make):
    corpus, _ = make(stored("a", rows(45)))
    assert corpus.names[41] == "a-00002-of-00003.array_record:2"
