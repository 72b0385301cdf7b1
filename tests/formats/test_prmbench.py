"""PRMBench: steps counted from 1 land on the right step, rows that name no step are refused."""

import json

import pytest

from prm_jax import formats
from prm_jax.errors import InputError
from prm_jax.records import Where

ROW = {
    "original_question": "q",
    "modified_question": "q, but odd",
    "original_process": ["1. a", "2. b", "3. c"],
    "modified_process": ["1. a", "2. x", "3. c", "12.5 is d"],
    "modified_steps": [2],
    "error_steps": [2, 4],
    "reason": "why",
    "idx": "p_0",
    "question": "q",
    "classification": "circular",
}


def read(row, file="f.jsonl", **options):
    return formats.FORMATS["prmbench"].read(row, Where(file, 7), **options)


def test_error_steps_count_from_one_and_steps_after_the_first_error_stay_right():
    (found,) = read(ROW)
    assert found.labels == (1.0, 0.0, 1.0, 0.0) and found.first_error == 1
    assert found.problem == "q, but odd"


def test_only_the_number_of_a_step_is_stripped():
    (found,) = read(ROW)
    assert found.steps == ("a", "x", "c", "12.5 is d")


def test_both_processes_share_a_group_and_the_original_is_right_throughout():
    original, modified = read(ROW, process="both")
    assert original.steps == ("a", "b", "c") and original.labels == (1.0, 1.0, 1.0)
    assert (original.first_error, original.problem) == (-1, "q")
    assert original.group == modified.group and original.id != modified.id
    assert read(ROW, process="original") == [original] and read(ROW) == [modified]


def test_the_class_comes_from_the_row_or_else_from_the_name_of_the_file():
    (found,) = read(ROW, "deception.jsonl")
    assert found.meta["classification"] == "circular" and found.source == "prmbench/circular"
    row = {name: value for name, value in ROW.items() if name != "classification"}
    (found,) = read(row, "data/first400_4o_step_contradiction.jsonl")
    assert found.meta["classification"] == "step_contradiction"


@pytest.mark.parametrize("number", [0, -1, "2", 2.5, True, None])
def test_numbers_that_name_no_step_are_refused_with_line_and_field(number):
    with pytest.raises(InputError, match="f.jsonl:7: field 'error_steps'"):
        read({**ROW, "error_steps": [2, number]})


@pytest.mark.parametrize(
    ("numbers", "labels"),
    [([5], (1, 1, 1, 1)), ([9.0, 3.0], (1, 1, 0, 1)), ([2, 4, 5, 6], (1, 0, 1, 0))],
)
def test_numbers_past_the_last_step_are_ignored_kept_and_said(numbers, labels):
    (found,) = read({**ROW, "error_steps": numbers})
    assert found.labels == labels
    assert found.first_error == (labels.index(0) if 0 in labels else -1)
    assert found.meta["error_steps"] == numbers
    assert found.meta["ignored_error_steps"] == [int(n) for n in numbers if n > 4]
    assert "past the last step" in formats.FORMATS["prmbench"].remark(found, Where("f.jsonl", 7))
    (whole,) = read(ROW)
    assert formats.FORMATS["prmbench"].remark(whole, Where("f.jsonl", 7)) is None


def test_an_empty_step_is_refused_by_its_own_field():
    with pytest.raises(InputError, match=r"modified_process\[1\]"):
        read({**ROW, "modified_process": ["a", " "]})


def test_a_row_without_errors_has_no_first_error():
    (found,) = read({**ROW, "error_steps": []})
    assert found.first_error == -1 and set(found.labels) == {1.0}


def test_an_unknown_process_is_refused(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps(ROW))
    with pytest.raises(InputError, match="one of modified, original, both"):
        formats.read(path, process="first")
