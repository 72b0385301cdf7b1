"""An array that is computed in parts goes on where it was, and notices what was changed."""

import json

import numpy as np
import pytest

from prm_jax.train.array_file import DONE, VALUES, ArrayFile

PLACES = [[slice(0, 2), slice(6, 7)], [slice(2, 4)], [slice(4, 6)]]


def opened(directory):
    file = ArrayFile(directory, np.float32, (7, 3), "parts")
    file.check(PLACES)
    return file


def completed(directory):
    """The array, and how many of its parts had been computed."""
    file = opened(directory)
    before = file.done
    for of_part in PLACES[before:]:
        for place in of_part:
            file.values[place] = np.arange(21, dtype=np.float32).reshape(7, 3)[place]
        file.keep(of_part)
        file.finish()
    assert np.array_equal(np.array(file.values).ravel(), np.arange(21))
    return before


def test_parts_that_were_finished_are_there_again(tmp_path, caplog):
    assert completed(tmp_path) == 0
    assert completed(tmp_path) == 3
    record = json.loads((tmp_path / DONE).read_text())
    (tmp_path / DONE).write_text(json.dumps({"parts": 2, "crc32": record["crc32"][:2]}))
    assert completed(tmp_path) == 2  # as a kill leaves it
    assert not caplog.messages


@pytest.mark.parametrize(("number", "whole"), [(0, 0), (18, 0), (7, 1), (20, 0), (12, 2)])
def test_a_changed_number_is_found_and_computed_again_with_a_warning(
    number, whole, tmp_path, caplog
):
    completed(tmp_path)
    content = bytearray((tmp_path / VALUES).read_bytes())
    content[4 * number] ^= 1
    (tmp_path / VALUES).write_bytes(content)
    assert completed(tmp_path) == whole
    [message] = caplog.messages
    assert f"parts {whole + 1} is not what was written; computed again from there" in message


@pytest.mark.parametrize(
    "record", ['{"parts": 3}', "{", '{"parts": 3, "crc32": []}', '{"parts": 3, "crc32": "x"}', "[]"]
)
def test_a_record_that_is_damaged_or_without_checksums_counts_for_nothing(record, tmp_path):
    completed(tmp_path)
    (tmp_path / VALUES).write_bytes(bytes(4 * 21))
    (tmp_path / DONE).write_text(record)
    assert completed(tmp_path) == 0
    assert completed(tmp_path) == 3
