"""Long runs of one sign, which a careless pattern tries again from each place, are read at once."""

import time

import pytest

from prm_jax.data.gsm8k import solution
from prm_jax.data.overlap import normalize
from prm_jax.errors import InputError
from prm_jax.formats import processbench, rlhflow
from prm_jax.records import Where
from prm_jax.scoring.answers import same_answer
from prm_jax.text import segment

LENGTH = 30_000
BITS = ("1+", "(", " ", "\n", "\t", "1", ". ", "\\", "#")


def turns(text):
    turns = [{"role": "user", "content": text}, {"role": "assistant", "content": "+"}]
    with pytest.raises(InputError):
        rlhflow.read({"conversations": turns}, Where("rows", 1))


def gsm8k(text):
    for texts in ((text, "a", "2"), ("a", f"{text}<<{text}=2>>2", "2"), ("a", "a", text)):
        assert solution.parse(texts[0], [texts[1]], texts[2]) is None


READERS = {
    "solutions of GSM8K": gsm8k,
    "problems of two sets": normalize,
    "headers of steps": lambda text: segment(text, "step_n"),
    "paragraphs": segment,
    "sentences": lambda text: segment(text, "sentences"),
    "answers": lambda text: same_answer(text, text + "1"),
    "ids": lambda text: processbench._subset_of_id(text),
    "turns": turns,
}


@pytest.mark.parametrize("reader", READERS)
def test_a_long_run_of_one_sign_is_read_in_a_moment(reader):
    start = time.monotonic()
    for bit in BITS:
        READERS[reader]("x" + bit * (LENGTH // len(bit)) + "y")
    assert time.monotonic() - start < 3
