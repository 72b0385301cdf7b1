"""Packing: nothing lost, nothing mixed up, and resumable to the batch."""

import ast
import json
import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import prm_jax.data
from prm_jax.data.corpus import Corpus
from prm_jax.data.packing import pack
from prm_jax.data.pipeline import batches, count_batches
from prm_jax.errors import InputError
from prm_jax.text.encode import Encoded

ROWS, ROW_LENGTH, MAX_STEPS = 3, 32, 8


def example(n_tokens, n_steps, rng):
    positions = np.sort(rng.choice(n_tokens, n_steps, replace=False))
    return Encoded(
        tokens=rng.integers(1, 1000, n_tokens).astype(np.int32),
        step_positions=positions.astype(np.int32),
        labels=rng.random(n_steps).astype(np.float32),
        label_mask=rng.random(n_steps) < 0.7,
        step_starts=np.append(0, positions[:-1] + 1).astype(np.int32),
        n_steps=n_steps,
    )


def corpus(n, seed=0, sizes=None, weights=None):
    rng = np.random.default_rng(seed)
    encoded = [example(int(rng.integers(4, 20)), int(rng.integers(1, 4)), rng) for _ in range(n)]
    return Corpus(encoded, [f"t{i}" for i in range(n)], sizes or (n,), weights, {}, "")


def stream(data, **options):
    return iter(batches(data, ROWS, ROW_LENGTH, MAX_STEPS, **options))


def examples_of(batch):
    return [int(i) for i in np.unique(batch["step_example"]) if i >= 0]


def test_every_array_of_a_batch_has_its_shape_and_dtype():
    batch = pack(corpus(3).encoded, ROWS, ROW_LENGTH, MAX_STEPS)
    for key in ("tokens", "positions", "segment_ids"):
        assert (batch[key].shape, batch[key].dtype) == ((ROWS, ROW_LENGTH), np.int32)
    for key in ("step_positions", "step_example", "step_index"):
        assert (batch[key].shape, batch[key].dtype) == ((ROWS, MAX_STEPS), np.int32)
    for key in ("step_mask", "label_mask"):
        assert (batch[key].shape, batch[key].dtype) == ((ROWS, MAX_STEPS), bool)
    assert batch["step_labels"].dtype == np.float32


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_each_trajectory_can_be_read_back_from_the_batch(seed, n):
    encoded = corpus(n, seed).encoded
    batch = pack(encoded, 6, ROW_LENGTH, MAX_STEPS)
    seen = 0
    for row in range(6):
        for segment in range(1, batch["segment_ids"][row].max() + 1):
            tokens = np.flatnonzero(batch["segment_ids"][row] == segment)
            at = batch["step_positions"][row]
            slots = np.flatnonzero(batch["step_mask"][row] & np.isin(at, tokens))
            (number,) = set(batch["step_example"][row][slots])
            item = encoded[number]
            assert (np.diff(tokens) == 1).all()
            np.testing.assert_array_equal(batch["tokens"][row][tokens], item.tokens)
            np.testing.assert_array_equal(batch["positions"][row][tokens], range(len(tokens)))
            np.testing.assert_array_equal(at[slots] - tokens[0], item.step_positions)
            np.testing.assert_array_equal(batch["step_index"][row][slots], range(len(slots)))
            np.testing.assert_array_equal(batch["label_mask"][row][slots], item.label_mask)
            np.testing.assert_array_equal(
                batch["step_labels"][row][slots], np.where(item.label_mask, item.labels, 0)
            )
            seen += 1
    assert seen == n
    assert batch["step_mask"].sum() == sum(len(item.step_positions) for item in encoded)
    assert (batch["label_mask"] <= batch["step_mask"]).all()
    assert (batch["step_example"][~batch["step_mask"]] == -1).all()


def test_padding_has_segment_zero_and_no_step():
    batch = pack(corpus(1).encoded, ROWS, ROW_LENGTH, MAX_STEPS)
    n_tokens = len(corpus(1).encoded[0].tokens)
    assert (batch["segment_ids"] > 0).sum() == n_tokens
    assert not batch["step_mask"][1:].any()


def test_what_does_not_fit_one_batch_or_one_row_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="do not fit into 3 rows"):
        pack(corpus(40).encoded, ROWS, ROW_LENGTH, MAX_STEPS)
    with pytest.raises(InputError, match="33 tokens, more than a row of 32"):
        pack([example(33, 2, rng)], ROWS, ROW_LENGTH, MAX_STEPS)
    with pytest.raises(InputError, match="9 steps, more than the 8"):
        pack([example(30, 9, rng)], ROWS, ROW_LENGTH, MAX_STEPS)
    too_long = Corpus([example(33, 2, rng)], ["mine"], (1,), None, {}, "")
    with pytest.raises(InputError, match="'mine' has 33 tokens"):
        stream(too_long)


@pytest.mark.parametrize("n", [1, 7, 100])
@pytest.mark.parametrize("seed", [None, 0, 5])
def test_an_epoch_has_every_trajectory_exactly_once(n, seed):
    seen = [i for batch in stream(corpus(n), seed=seed) for i in examples_of(batch)]
    assert sorted(seen) == list(range(n))


def test_several_epochs_have_every_trajectory_as_often_and_in_another_order():
    n, orders = 50, []
    seen = [i for b in stream(corpus(n), seed=1, epochs=3) for i in _in_order(b)]
    assert sorted(seen) == sorted(list(range(n)) * 3)
    for seed in (1, 2, None):
        orders.append([i for b in stream(corpus(n), seed=seed) for i in _in_order(b)])
    assert orders[0] != orders[1] != orders[2]


def _in_order(batch):
    """Examples row by row, once for each of their segments."""
    numbers = batch["step_example"][batch["step_mask"]]
    first = batch["step_index"][batch["step_mask"]] == 0
    return [int(i) for i in numbers[first]]


def test_the_same_seed_gives_the_same_batches():
    for one, other in zip(stream(corpus(60), seed=3), stream(corpus(60), seed=3), strict=True):
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


def test_counting_batches_equals_making_them():
    for n, seed, epochs in ((1, None, 1), (40, 0, 1), (40, 0, 3)):
        made = sum(1 for _ in stream(corpus(n), seed=seed, epochs=epochs))
        count = count_batches(corpus(n), ROWS, ROW_LENGTH, MAX_STEPS, seed=seed, epochs=epochs)
        assert made == count


def test_rows_are_well_filled():
    data = corpus(400)
    made = list(stream(data, seed=0))[:-1]
    filled = np.mean([(batch["segment_ids"] > 0).mean() for batch in made])
    assert filled > 0.9


@pytest.mark.parametrize("weights", [None, (3.0, 1.0)])
@pytest.mark.parametrize("stop_after", [0, 1, 4, 9])
def test_a_stopped_stream_goes_on_with_the_batches_it_would_have_given(weights, stop_after):
    data = corpus(50, sizes=(30, 20), weights=weights)
    whole = [batch for batch, _ in zip(stream(data, seed=2, epochs=None), range(16))]
    first = stream(data, seed=2, epochs=None)
    for _ in range(stop_after):
        next(first)
    state = json.loads(json.dumps(first.get_state()))
    again = stream(data, seed=2, epochs=None)
    next(again)
    again.set_state(state)
    for expected in whole[stop_after:]:
        batch = next(again)
        for key in expected:
            np.testing.assert_array_equal(batch[key], expected[key])


def test_a_stream_resumed_in_the_middle_of_packing_has_examples_waiting():
    first = stream(corpus(100), seed=0)
    next(first)
    assert first.get_state()["waiting"]


@pytest.mark.parametrize("n_processes", [1, 3])
def test_processes_together_hold_the_batch_of_one_process(n_processes):
    data = corpus(40)
    share = ROWS // n_processes
    parts = [
        stream(data, seed=4, row_range=slice(p * share, (p + 1) * share))
        for p in range(n_processes)
    ]
    for whole in stream(data, seed=4):
        pieces = [next(part) for part in parts]
        for key in whole:
            np.testing.assert_array_equal(np.concatenate([p[key] for p in pieces]), whole[key])


def test_weights_set_the_shares_of_sources_and_repeat_the_small_one():
    data = corpus(110, sizes=(100, 10), weights=(1.0, 3.0))
    drawn = [i for b, _ in zip(stream(data, seed=0, epochs=None), range(40)) for i in _in_order(b)]
    small = [i for i in drawn if i >= 100]
    assert abs(len(small) / len(drawn) - 0.75) < 0.02
    counts = np.bincount(np.array(small) - 100, minlength=10)
    assert counts.max() - counts.min() <= 3  # each goes through its own epochs
    assert len(set(i for i in drawn if i < 100)) == sum(i < 100 for i in drawn)


def test_no_module_of_data_imports_jax():
    folder = pathlib.Path(prm_jax.data.__file__).parent
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [n for n in names if n.split(".")[0] in ("jax", "flax", "optax")], path
