"""Units of several trajectories: who is put together, and what the batch says of it."""

import numpy as np
import pytest

from prm_jax.data.corpus import make_corpus
from prm_jax.data.packing import pack
from prm_jax.data.sources import Source
from prm_jax.data.units import make_units
from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.text.convention import CONVENTIONS
from prm_jax.train.backbone import byte_tokenizer

TOKENIZER = byte_tokenizer()
TRL = CONVENTIONS["trl"]


def solution(problem, *steps, outcome=None, labels=None, **fields):
    return Trajectory(problem, steps, labels=labels, outcome=outcome, **fields)


def corpus(trajectories, unit, supervise="outcome", max_length=100):
    source = Source("given", "given", False, None, {})
    options = dict(supervise=supervise, unit=unit)
    return make_corpus([(source, trajectories)], TOKENIZER, TRL, max_length, **options)


def text_of(batch, row, segment):
    return TOKENIZER.decode(batch["tokens"][row][batch["segment_ids"][row] == segment])


def test_every_solution_of_a_mixed_problem_is_in_a_pair_the_right_one_first():
    rows = [
        solution("p", "a", outcome=0.0),
        solution("q", "b", outcome=1.0),
        solution("P ", "c", outcome=1.0),
        solution("p", "d", outcome=0.0),
        solution("q", "e", outcome=1.0),
    ]
    assert make_units(rows, "pair") == [(2, 0), (2, 3)]
    with pytest.raises(InputError, match="no outcome"):
        make_units([solution("p", "a")], "pair")


def test_mismatched_steps_come_from_another_problem():
    rows = [solution("p", "a"), solution("p", "b"), solution("q", "c")]
    assert make_units(rows, "mismatched") == [(0, 2), (1, 2), (2, 0)]
    with pytest.raises(InputError, match="same problem"):
        make_units(rows[:2], "mismatched")


def test_a_pair_lies_in_one_row_with_segments_of_its_own():
    made = corpus([solution("p", "aa", "b", outcome=0.0), solution("p", "cc", outcome=1.0)], "pair")
    assert made.sizes == (1,) and made.names == ["given:1 and given:0"]
    batch = pack(made.encoded, 1, 40, 8)
    assert [text_of(batch, 0, s) for s in (1, 2)] == ["pcc\n", "paa\nb\n"]
    np.testing.assert_array_equal(batch["step_part"][0, :3], [0, 1, 1])
    np.testing.assert_array_equal(batch["step_unit"][0, :4], [1, 1, 1, 0])
    np.testing.assert_array_equal(batch["label_mask"][0, :3], [True, False, True])
    np.testing.assert_array_equal(batch["step_labels"][0, :3], [1, 0, 0])
    np.testing.assert_array_equal(batch["positions"][0, :11], [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 0])
    for slot, text in enumerate(["cc\n", "aa\n", "b\n"]):
        tokens = batch["tokens"][0]
        at = slice(batch["step_starts"][0, slot], batch["step_positions"][0, slot] + 1)
        assert TOKENIZER.decode(tokens[at]) == text


def test_mismatched_parts_carry_no_label_and_no_outcome():
    rows = [solution("p", "a", outcome=1.0), solution("q", "b", outcome=0.0)]
    batch = pack(corpus(rows, "mismatched").encoded, 1, 40, 8)
    assert [text_of(batch, 0, s) for s in (1, 2, 3, 4)] == ["pa\n", "pb\n", "qb\n", "qa\n"]
    np.testing.assert_array_equal(batch["label_mask"][0, :4], [True, False, True, False])
    np.testing.assert_array_equal(batch["outcome_mask"][0, :4], [True, False, True, False])


def test_steps_of_both_directions_keep_their_numbers_also_when_cut():
    row = solution("p", "aaaa", "bb", "c", labels=(1.0, 0.0, None), outcome=0.0)
    whole = corpus([row], "directions", supervise="steps")
    batch = pack(whole.encoded, 1, 40, 8)
    assert [text_of(batch, 0, s) for s in (1, 2)] == ["paaaa\nbb\nc\n", "pc\nbb\naaaa\n"]
    np.testing.assert_array_equal(batch["step_index"][0, :6], [0, 1, 2, 2, 1, 0])
    np.testing.assert_array_equal(batch["label_mask"][0, :6], [True, True] + [False] * 4)
    cut = corpus([row], "directions", supervise="steps", max_length=9)
    batch = pack(cut.encoded, 1, 40, 8)
    assert [text_of(batch, 0, s) for s in (1, 2)] == ["paaaa\nbb\n", "pc\nbb\n"]
    np.testing.assert_array_equal(batch["step_index"][0, :4], [0, 1, 2, 1])


def test_second_labels_come_with_their_steps_and_wrong_ones_are_refused():
    row = solution("p", "a", "b", labels=(1.0, 0.5), meta={"prover_labels": [0.25, None]})
    made = corpus([row], "trajectory", supervise="steps")
    batch = pack(made.encoded, 1, 40, 8)
    np.testing.assert_array_equal(batch["prover_mask"][0, :2], [True, False])
    assert batch["prover_labels"][0, 0] == 0.25
    for labels, reason in (([1.0], "2 steps and 1"), ([1.0, 2.0], r"not in \[0, 1\]")):
        bad = solution("p", "a", "b", labels=(1.0, 0.5), meta={"prover_labels": labels})
        with pytest.raises(InputError, match=reason):
            corpus([bad], "trajectory", supervise="steps")
