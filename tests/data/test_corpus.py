"""Encoded trajectories: each is there or accounted for, and what was cut is counted."""

import numpy as np
import pytest

from prm_jax.data.corpus import make_corpus, read_trajectories
from prm_jax.data.sources import Source
from prm_jax.errors import InputError
from prm_jax.records import Rejects, Trajectory

PROBLEM = "question"
# Tokens of the problem, and of a step "abc" with its line break.
HEAD, STEP = 8, 4


def solution(n_steps, labels="all", **fields):
    labels = (1.0,) * n_steps if labels == "all" else labels
    return Trajectory(PROBLEM, ("abc",) * n_steps, labels=labels, **fields)


def group(*trajectories, name="file", weight=None):
    return Source(name, name, False, weight, {}), list(trajectories)


@pytest.fixture
def make(tokenizer, convention):
    def corpus(*groups, max_length=1000, **options):
        return make_corpus(groups, tokenizer, convention, max_length, **options)

    return corpus


def test_trajectories_keep_their_order_names_and_sources(make):
    corpus = make(
        group(solution(1, id="mine"), solution(2), name="one"),
        group(solution(3), name="two"),
    )
    assert corpus.names == ["mine", "one:1", "two:0"]
    assert corpus.sizes == (2, 1) and corpus.weights is None
    assert [len(item.step_positions) for item in corpus.encoded] == [1, 2, 3]
    assert [len(item.tokens) for item in corpus.encoded] == [HEAD + k * STEP for k in (1, 2, 3)]


@pytest.mark.parametrize("max_length", [HEAD + STEP, HEAD + 2 * STEP - 1, HEAD + 2 * STEP])
def test_what_is_cut_is_counted_step_by_step(make, max_length):
    fitting = (max_length - HEAD) // STEP
    lengths = (1, 2, 5)
    corpus = make(group(*(solution(n) for n in lengths)), max_length=max_length)
    kept = [min(n, fitting) for n in lengths]
    assert [len(item.step_positions) for item in corpus.encoded] == kept
    report = corpus.report
    assert report["trajectories"] == 3 and report["dropped_without_label"] == 0
    assert report["tokens"] == sum(HEAD + k * STEP for k in kept)
    assert report["steps"] == report["labels"] == sum(kept)
    assert report["lost_steps"] == report["lost_labels"] == sum(lengths) - sum(kept)
    assert report["truncated_trajectories"] == sum(k < n for k, n in zip(kept, lengths))


def test_only_labels_that_were_there_count_as_lost(make):
    corpus = make(group(solution(4, labels=(1.0, None, None, 0.0))), max_length=HEAD + 2 * STEP)
    report = corpus.report
    assert (report["lost_steps"], report["lost_labels"], report["labels"]) == (2, 1, 1)
    np.testing.assert_array_equal(corpus.encoded[0].label_mask, [True, False])


UNLABELLED = solution(2, labels=None, id="bare")
ALL_NULL = solution(2, labels=(None, None), id="nulls")
LABELS_CUT_OFF = solution(3, labels=(None, None, 1.0), id="long")


@pytest.mark.parametrize(
    ("trajectory", "words", "field"),
    [
        (UNLABELLED, "'bare' has no label", "labels"),
        (ALL_NULL, "'nulls' has no label", "labels"),
        (LABELS_CUT_OFF, "'long' keeps no label: 2 of 3 steps fit into 16", "data.max_length"),
        (solution(1, labels=None), "'file:1' has no label", "labels"),
    ],
)
def test_a_trajectory_that_keeps_no_label_is_an_error_that_names_it(make, trajectory, words, field):
    with pytest.raises(InputError) as caught:
        make(group(solution(1, id="good"), trajectory), max_length=HEAD + 2 * STEP)
    assert words in str(caught.value) and caught.value.field == field
    assert "data.unlabelled=drop" in caught.value.remedy


def test_trajectories_without_a_label_are_left_out_and_counted_when_told_so(make):
    corpus = make(
        group(solution(1, id="good"), UNLABELLED, LABELS_CUT_OFF, ALL_NULL),
        group(UNLABELLED, name="nothing"),
        max_length=HEAD + 2 * STEP,
        unlabelled="drop",
    )
    assert corpus.names == ["good"] and corpus.sizes == (1,)
    assert corpus.report["dropped_without_label"] == corpus.report["without_label"] == 4
    assert corpus.report["trajectories"] == 5
    with pytest.raises(InputError, match="unknown choice 'skip'"):
        make(group(solution(1)), unlabelled="skip")


def test_a_source_that_keeps_nothing_takes_its_weight_along(make):
    corpus = make(
        group(UNLABELLED, name="nothing", weight=5.0),
        group(solution(1), name="one", weight=2.0),
        group(solution(1), solution(2), name="two", weight=1.0),
        unlabelled="drop",
    )
    assert corpus.weights == (2.0, 1.0) and corpus.sizes == (1, 2)


def test_outcomes_label_the_last_step_alone_and_are_needed_for_it(make):
    known, unknown = solution(3, outcome=0.0), solution(2, id="open")
    corpus = make(group(known), supervise="outcome")
    np.testing.assert_array_equal(corpus.encoded[0].label_mask, [False, False, True])
    assert corpus.encoded[0].labels[-1] == 0.0
    with pytest.raises(InputError, match="'open' has no outcome"):
        make(group(known, unknown), supervise="outcome")
    left = make(group(known, unknown), supervise="outcome", unlabelled="drop")
    assert left.names == ["file:0"] and left.report["dropped_without_label"] == 1


def test_the_outcome_of_a_cut_solution_is_not_learnt_from(make):
    with pytest.raises(InputError, match="keeps no label: 2 of 3 steps fit"):
        make(group(solution(3, outcome=1.0)), max_length=HEAD + 2 * STEP, supervise="outcome")


def test_the_fingerprint_is_of_what_was_given_not_of_what_was_kept(make):
    both = make(group(solution(1), UNLABELLED), unlabelled="drop")
    one = make(group(solution(1)), unlabelled="drop")
    cut = make(group(solution(1), UNLABELLED), unlabelled="drop", max_length=HEAD + STEP)
    assert both.fingerprint == cut.fingerprint != one.fingerprint


def test_sources_are_read_with_their_problems_held_out_and_their_bad_rows_collected(
    solutions, write_rows, tmp_path
):
    good = solutions("good", 40)
    bad = write_rows("bad.jsonl", {"problem": "p", "steps": []}, {"problem": "p", "steps": ["a"]})
    with pytest.raises(InputError, match="bad.jsonl:1"):
        read_trajectories(f"{good},{bad}")
    rejects = Rejects(tmp_path / "rejects.jsonl")
    kept, held_out = read_trajectories(f"{good},{bad}", validation_fraction=0.3, skip_bad=rejects)
    assert [row["line"] for row in rejects.rows] == [1]
    ids = [{t.id for _, group in part for t in group} for part in (kept, held_out)]
    assert ids[0].isdisjoint(ids[1]) and len(ids[0] | ids[1]) == 41
    assert len(ids[1]) > 1 and all(group for part in (kept, held_out) for _, group in part)
