"""Reversed and merged steps keep every label at the step it belongs to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prm_jax.data.merged_steps import merge_last_steps, merged_examples
from prm_jax.data.reversed_steps import reverse_steps
from prm_jax.errors import InputError
from prm_jax.records import Trajectory

LABELLED = Trajectory("p", ("a", "b", "c", "d"), labels=(1.0, 0.0, None, 0.25), outcome=1, id="t")


def test_labels_are_reversed_with_their_steps():
    turned = reverse_steps(LABELLED)
    assert turned.steps == ("d", "c", "b", "a")
    assert turned.labels == (0.25, None, 0.0, 1.0)
    assert turned.outcome == 1


def test_a_first_error_becomes_labels_at_the_same_steps():
    turned = reverse_steps(Trajectory("p", ("a", "b", "c"), first_error=1))
    assert turned.labels == (None, 0.0, 1.0) and turned.first_error is None
    assert reverse_steps(Trajectory("p", ("a",))).labels is None


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([None, 0.0, 0.5, 1.0])), min_size=1)
)
def test_twice_reversed_is_the_same(rows):
    trajectory = Trajectory("p", tuple(s for s, _ in rows), tuple(y for _, y in rows))
    back = reverse_steps(reverse_steps(trajectory))
    assert (back.steps, back.step_labels()) == (trajectory.steps, trajectory.step_labels())


def test_a_merged_pair_has_the_label_of_its_last_step_alone():
    pairs = merged_examples(LABELLED)
    assert [(t.steps, t.labels) for t in pairs] == [
        (("a\n\nb",), (0.0,)),
        (("a", "b", "c\n\nd"), (None, None, 0.25)),
    ]
    assert [t.id for t in pairs] == ["t/merged-1", "t/merged-3"]
    assert all(t.outcome is None for t in pairs)


def test_an_error_that_the_next_step_repairs_is_a_right_pair():
    (pair,) = merged_examples(Trajectory("p", ("wrong", "repaired"), labels=(0.0, 1.0)))
    assert pair.labels == (1.0,)


def test_longer_windows_and_other_joiners():
    (found,) = merged_examples(LABELLED, window=4, joiner=" ")
    assert found.steps == ("a b c d",) and found.labels == (0.25,)
    assert merged_examples(LABELLED, window=5) == []
    assert merge_last_steps(LABELLED, 1, window=9).steps == ("a\n\nb",)
    assert merge_last_steps(LABELLED, 2).labels is None
    with pytest.raises(InputError, match="a window of 0"):
        merge_last_steps(LABELLED, 1, window=0)
