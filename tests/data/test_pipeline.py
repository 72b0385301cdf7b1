"""The stream of batches as an experiment meets it: from sources to mixed, sharded, saved batches.

tests/data/test_packing.py has the properties of one batch and of a stream of one source.
"""

import json
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

import prm_jax.data
from prm_jax.data.corpus import Corpus, make_corpus, read_trajectories
from prm_jax.data.pipeline import batches, count_batches
from prm_jax.errors import InputError

ROWS, ROW_LENGTH, MAX_STEPS = 4, 40, 8


@pytest.fixture
def corpus(solutions, tokenizer, convention):
    """`corpus({name: (n, weight)})` encodes files of that many solutions, about 12 tokens each."""

    def encoded(sources) -> Corpus:
        line = ",".join(
            f"{solutions(name, n)}" + ("" if weight is None else f"?weight={weight}")
            for name, (n, weight) in sources.items()
        )
        return make_corpus(read_trajectories(line)[0], tokenizer, convention, ROW_LENGTH)

    return encoded


def stream(data, **options):
    return iter(batches(data, ROWS, ROW_LENGTH, MAX_STEPS, **options))


def starts(batch):
    """Numbers of the trajectories of a batch, row by row, each as often as it occurs."""
    first = batch["step_mask"] & (batch["step_index"] == 0)
    return batch["step_example"][first].tolist()


def drawn(data, n_batches, **options):
    return [i for _, b in zip(range(n_batches), stream(data, **options)) for i in starts(b)]


def assert_same(one, other):
    assert one.keys() == other.keys()
    for key in one:
        np.testing.assert_array_equal(one[key], other[key], err_msg=key)


def test_a_batch_holds_the_texts_and_labels_of_the_file(corpus, tokenizer):
    data = corpus({"a": (3, None)})
    (batch,) = stream(data)
    assert sorted(data.names[i] for i in starts(batch)) == ["a/0", "a/1", "a/2"]
    assert b"a 0a\nb\n".__len__() == (batch["segment_ids"][0] == 1).sum()
    np.testing.assert_array_equal(batch["step_labels"][batch["label_mask"]], [1, 0] * 3)


@pytest.mark.parametrize("weights", [(3, 1, 1), (1, 8, 1)])
def test_the_share_of_a_source_holds_within_its_number_of_sources_at_every_moment(corpus, weights):
    sizes = (40, 7, 20)
    data = corpus({name: (n, w) for name, n, w in zip("abc", sizes, weights)})
    # Rows of one trajectory: batches then keep the order in which trajectories are drawn.
    order = [
        i
        for _, batch in zip(range(60), iter(batches(data, 4, 12, 2, seed=0, epochs=None)))
        for i in starts(batch)
    ]
    source = np.digitize(order, np.cumsum(sizes)[:-1])
    shares = np.array(weights) / sum(weights)
    for length in range(1, len(order) + 1):
        counts = np.bincount(source[:length], minlength=3)
        assert (np.abs(counts - shares * length) <= 2).all(), (length, counts)


def test_mixing_follows_from_the_seed_and_only_the_order_within_sources_does(corpus):
    data = corpus({"a": (30, 1), "b": (30, 2)})
    one, again, other = (drawn(data, 8, seed=seed, epochs=None) for seed in (0, 0, 1))
    assert one == again != other
    assert [i < 30 for i in one] == [i < 30 for i in other]


def test_equally_long_sources_are_not_shuffled_alike(corpus):
    data = corpus({"a": (30, 1), "b": (30, 1)})
    order = drawn(data, 100, seed=0, epochs=1)
    assert [i for i in order if i < 30] != [i - 30 for i in order if i >= 30]


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_mixture_draws_as_many_examples_as_an_epoch_has(corpus, epochs):
    data = corpus({"a": (25, 1), "b": (5, 4)})
    assert len(drawn(data, 1000, seed=0, epochs=epochs)) == 30 * epochs


def test_each_epoch_has_every_trajectory_once_and_another_order(corpus):
    # One trajectory a batch: what waits for room cannot cross the border between two epochs.
    data = corpus({"a": (20, None)})
    order = [i for b in batches(data, 1, 10, 2, seed=0, epochs=3) for i in starts(b)]
    epochs = [order[:20], order[20:40], order[40:]]
    assert [sorted(epoch) for epoch in epochs] == [list(range(20))] * 3
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0] != list(range(20))


def test_without_a_seed_trajectories_keep_the_order_of_their_files(corpus):
    data = corpus({"a": (10, None), "b": (10, None)})
    order = [i for b in batches(data, 1, 10, 2, seed=None) for i in starts(b)]
    assert order == list(range(20))


def test_two_processes_share_every_batch_without_overlap(corpus):
    data = corpus({"a": (50, None)})
    halves = [stream(data, seed=0, row_range=r) for r in (slice(0, 2), slice(2, 4))]
    n_batches = 0
    for whole in stream(data, seed=0):
        first, second = (next(half) for half in halves)
        assert len(first["tokens"]) == len(second["tokens"]) == 2
        assert set(starts(first)).isdisjoint(starts(second))
        assert_same({k: np.concatenate([first[k], second[k]]) for k in whole}, whole)
        n_batches += 1
    assert n_batches > 2 and all(next(half, None) is None for half in halves)


@pytest.mark.parametrize("weights", [(None, None), (1, 3)])
def test_a_stream_saved_anywhere_goes_on_the_same_to_its_end(corpus, weights):
    data = corpus({"a": (30, weights[0]), "b": (10, weights[1])})
    options = dict(seed=5, epochs=3)
    saving, whole, states = stream(data, **options), [], []
    states.append(json.dumps(saving.get_state()))
    for batch in saving:
        whole.append(batch)
        states.append(json.dumps(saving.get_state()))
    per_epoch = len(whole) / 3
    assert per_epoch > 2  # so that states lie within all epochs and on both sides of the borders
    for stop, state in enumerate(states):
        again = stream(data, **options)
        again.set_state(json.loads(state))
        rest = list(again)
        assert len(rest) == len(whole) - stop
        for batch, expected in zip(rest, whole[stop:]):
            assert_same(batch, expected)


def test_a_state_of_one_process_is_continued_by_two(corpus):
    data = corpus({"a": (60, None)})
    one = stream(data, seed=0, epochs=None)
    for _ in range(3):
        next(one)
    state = json.dumps(one.get_state())
    halves = [stream(data, seed=0, epochs=None, row_range=r) for r in (slice(0, 2), slice(2, 4))]
    for half in halves:
        half.set_state(json.loads(state))
    for _ in range(6):
        whole, parts = next(one), [next(half) for half in halves]
        assert_same({k: np.concatenate([part[k] for part in parts]) for k in whole}, whole)


def test_batches_of_a_mixture_are_counted_as_they_are_made(corpus):
    data = corpus({"a": (30, 1), "b": (10, 3)})
    shape, order = (ROWS, ROW_LENGTH, MAX_STEPS), dict(seed=1, epochs=2)
    assert count_batches(data, *shape, **order) == len(list(batches(data, *shape, **order)))


def test_shapes_without_room_and_a_corpus_without_trajectories_are_refused(corpus):
    data = corpus({"a": (3, None)})
    for shape in ((0, 40, 8), (4, 0, 8), (4, 40, 0)):
        with pytest.raises(InputError, match="at least 1"):
            batches(data, *shape)
    with pytest.raises(InputError, match="'a/0' has 2 steps, more than the 1 of a row"):
        batches(data, 4, 40, 1)
    with pytest.raises(InputError, match="no trajectories"):
        batches(Corpus([], [], (), None, {}, ""), 4, 40, 8)


def test_nothing_that_data_imports_imports_jax_but_grain():
    modules = [name for _, name, _ in pkgutil.walk_packages(prm_jax.data.__path__, "prm_jax.data.")]
    assert "prm_jax.data.pipeline" in modules and "prm_jax.data.synthetic.registry" in modules
    program = f"""
import importlib, sys, types
grain = types.ModuleType("grain")  # the real one imports jax for its pytrees
grain.IterDataset = grain.DatasetIterator = object
sys.modules["grain"] = grain
for name in {modules}:
    importlib.import_module(name)
print(sorted(name for name in ("jax", "jaxlib", "flax", "optax", "torch") if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stdout + done.stderr
