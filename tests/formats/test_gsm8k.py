"""GSM8K rows become right solutions, one step a line, without calculator marks."""

import pytest

from prm_jax.errors import InputError
from prm_jax.formats import gsm8k
from prm_jax.records import Where

ANSWER = "He has 6*7 = <<6*7=42>>42 nuts.\n\nThat is 42-2=<<42-2=40>>40.\n#### 40"


def test_marks_are_no_part_of_the_steps_and_kept_beside_them():
    (found,) = gsm8k.read({"question": "How many?", "answer": ANSWER}, Where("a/train.jsonl", 3))
    assert found.steps == ("He has 6*7 = 42 nuts.", "That is 42-2=40.")
    assert found.labels == (1.0, 1.0) and found.first_error == -1 and found.outcome == 1
    assert found.answer == found.gold == "40" and found.id == "train/3"
    assert found.meta["marked_steps"] == [
        "He has 6*7 = <<6*7=42>>42 nuts.",
        "That is 42-2=<<42-2=40>>40.",
    ]


@pytest.mark.parametrize("answer", ["so 4", "so 4\n####", "#### 4", None])
def test_a_row_without_answer_or_steps_is_refused(answer):
    with pytest.raises(InputError, match="a.jsonl:3"):
        gsm8k.read({"question": "q", "answer": answer}, Where("a.jsonl", 3))
