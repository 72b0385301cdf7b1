"""Cutting a solution into steps."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_jax.errors import InputError
from prm_jax.text import segment
from prm_jax.text.segment import RULES


@given(
    st.text(alphabet="aB1.?! \n\t-*Step3:\"'é日\u2003", max_size=60), st.sampled_from(list(RULES))
)
@settings(deadline=None)
def test_only_white_space_is_lost_and_no_step_is_empty(text, rule):
    steps = segment(text, rule)
    assert "".join("".join(steps).split()) == "".join(text.split())
    assert all(step and step == step.strip() for step in steps)
    place = 0
    for step in steps:  # parts of the text, in order, with white space between
        found = text.index(step, place)
        assert not text[place:found].strip()
        place = found + len(step)


def test_lines_and_paragraphs():
    text = "\n a = 1\nb = 2\n \n\nSo 3.\n"
    assert segment(text, "lines") == ["a = 1", "b = 2", "So 3."]
    assert segment(text) == ["a = 1\nb = 2", "So 3."]


def test_step_headers_at_line_starts_begin_steps():
    text = "Plan.\nStep 1: see Step 2: later\nmore\n**Step 2.** x\n## step 3\ny\nSteps 4"
    assert segment(text, "step_n") == [
        "Plan.",
        "Step 1: see Step 2: later\nmore",
        "**Step 2.** x",
        "## step 3\ny\nSteps 4",
    ]


def test_sentences_end_neither_in_numbers_nor_after_abbreviations():
    text = 'He has 3.5 kg, i.e. Half. See Fig. 2! "Is it so?" Yes... it is.\nDr. No agrees'
    assert segment(text, "sentences") == [
        "He has 3.5 kg, i.e. Half.",
        "See Fig. 2!",
        '"Is it so?"',
        "Yes... it is.",
        "Dr. No agrees",
    ]


def test_an_unknown_rule_is_an_input_error():
    with pytest.raises(InputError, match="paragraphs"):
        segment("a", "words")
