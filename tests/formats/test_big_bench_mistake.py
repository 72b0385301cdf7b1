"""BIG-Bench Mistake: indices count from 0 and null is no mistake."""

import pytest

from prm_jax import formats
from prm_jax.errors import InputError
from prm_jax.records import Where

ROW = {"input": "q", "steps": ["a", "b", "c"], "target": "1", "answer": "2", "mistake_index": 0}


def read(row, file="f.jsonl"):
    (found,) = formats.FORMATS["big_bench_mistake"].read(row, Where(file, 3))
    return found


@pytest.mark.parametrize(
    ("index", "labels"),
    [(0, (0.0, None, None)), (1.0, (1.0, 0.0, None)), (2.0, (1.0, 1.0, 0.0)), (None, (1.0,) * 3)],
)
def test_the_index_counts_from_zero_and_null_is_none(index, labels):
    assert read({**ROW, "mistake_index": index}).step_labels() == labels


@pytest.mark.parametrize("index", [3, -1, "0", True, 1.5])
def test_an_index_that_is_no_step_is_refused(index):
    with pytest.raises(InputError, match="f.jsonl:3: field 'mistake_index'"):
        read({**ROW, "mistake_index": index})


def test_a_missing_index_is_not_taken_for_null():
    with pytest.raises(InputError, match="mistake_index"):
        read({name: value for name, value in ROW.items() if name != "mistake_index"})


def test_the_outcome_compares_answer_and_target_but_for_white_space():
    assert read(ROW).outcome == 0.0 and read({**ROW, "answer": " 1\n"}).outcome == 1.0
    assert read({**ROW, "answer": None}).outcome is None


def test_the_task_comes_from_the_name_of_the_file():
    assert read(ROW, "x/word_sorting.jsonl").source == "big_bench_mistake/word_sorting"
    assert read(ROW).source == "big_bench_mistake"
