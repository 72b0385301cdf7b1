"""Trajectories and their JSONL form: what is kept, and what is refused and where."""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_jax.errors import InputError
from prm_jax.records import Rejects, Trajectory, Where, read_jsonl, write_jsonl

WHERE = Where("in.jsonl", 3)
GOOD = {"problem": "2 + 2?", "steps": ["2 + 2 = 4", "So 4"]}

texts = st.text(min_size=1).filter(str.strip)


@given(
    st.lists(st.tuples(texts, st.none() | st.floats(0, 1)), min_size=1, max_size=5),
    st.text(),
    st.none() | st.sampled_from([0.0, 1.0]),
)
@settings(max_examples=50, deadline=None)
def test_jsonl_round_trip_keeps_every_field(steps, problem, outcome):
    trajectory = Trajectory(
        problem=problem,
        steps=tuple(text for text, _ in steps),
        labels=tuple(label for _, label in steps),
        outcome=outcome,
        id="a",
        meta={"x": [1, None]},
    )
    row = json.loads(json.dumps(trajectory.to_dict()))
    assert Trajectory.from_dict(row, WHERE) == trajectory


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"problem": None}, "problem", "missing"),
        ({"problem": 3}, "problem", "string"),
        ({"steps": None}, "steps", "missing"),
        ({"steps": []}, "steps", "empty"),
        ({"steps": "2 + 2 = 4"}, "steps", "list"),
        ({"steps": ["a", " "]}, "steps[1]", "empty"),
        ({"steps": ["a", 1]}, "steps[1]", "string"),
        ({"labels": [1]}, "labels", "1 entries for 2 steps"),
        ({"labels": [1, 0, 1]}, "labels", "3 entries for 2 steps"),
        ({"labels": [1, float("nan")]}, "labels[1]", "nan"),
        ({"labels": [1, 1.5]}, "labels[1]", "1.5"),
        ({"labels": [1, "0"]}, "labels[1]", "number"),
        ({"labels": [1, float("inf")]}, "labels[1]", "inf"),
        ({"labels": [1, 10**400]}, "labels[1]", "not in [0, 1]"),
        ({"labels": 1}, "labels", "list"),
        ({"problem": "\ud800"}, "problem", "surrogate"),
        ({"steps": ["a", "\ud800"]}, "steps[1]", "surrogate"),
        ({"first_error": 2}, "first_error", "2"),
        ({"first_error": True}, "first_error", "integer"),
        ({"first_error": -1, "labels": [1, 0]}, "first_error", "contradicts"),
        ({"first_error": 1, "labels": [0, 0]}, "first_error", "contradicts"),
        ({"outcome": 0.5}, "outcome", "0, 1 or null"),
        ({"outcome": "yes"}, "outcome", "0, 1 or null"),
        ({"id": 7}, "id", "string"),
        ({"meta": []}, "meta", "object"),
    ],
)
def test_a_bad_field_is_named_with_file_and_line(change, field, says):
    with pytest.raises(InputError) as caught:
        Trajectory.from_dict({**GOOD, **change}, WHERE)
    message = str(caught.value)
    assert message.startswith("in.jsonl:3: ") and f"'{field}'" in message and says in message
    assert "\n" not in message


def test_soft_and_boolean_labels_keep_their_value():
    row = {**GOOD, "labels": [True, 0.9]}
    assert Trajectory.from_dict(row, WHERE).labels == (1.0, 0.9)


def test_unknown_fields_survive_in_meta():
    assert Trajectory.from_dict({**GOOD, "split": "gsm8k"}, WHERE).meta == {"split": "gsm8k"}


def test_first_error_implies_labels_up_to_it_and_none_after():
    steps = ("a", "b", "c", "d")
    assert Trajectory("p", steps, first_error=1).step_labels() == (1.0, 0.0, None, None)
    assert Trajectory("p", steps, first_error=-1).step_labels() == (1.0,) * 4
    assert Trajectory("p", steps).step_labels() == (None,) * 4


def test_reading_passes_over_blank_lines_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\n\n  \n{"a": 2}')
    assert [(w.line, row["a"]) for w, row in read_jsonl(path)] == [(1, 1), (4, 2)]


def test_gzip_files_are_read_as_plain_ones(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n'))
    assert [row for _, row in read_jsonl(path)] == [{"a": 1}]


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b'{"a": 1}\n{"a":', 2, "not JSON"),
        (b'{"a": 1}\n{"a": "\xff"}\n', 2, "UTF-8"),
        (b"", None, "empty"),
        (b"\n\n", None, "empty"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path, content, line, says):
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        list(read_jsonl(path))
    assert (caught.value.file, caught.value.line) == (str(path) if line else path, line)


def test_a_gzip_file_that_is_cut_off_is_an_input_error(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 1000)[:-20])
    with pytest.raises(InputError, match="cut off"):
        list(read_jsonl(path))


def test_missing_files_and_directories_are_input_errors(tmp_path):
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(InputError):
            list(read_jsonl(path))


def test_skip_bad_keeps_the_good_rows_and_writes_the_rest(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\nnonsense\n{"a": 2}\n')
    rejects = Rejects(tmp_path / "rejects.jsonl")
    assert [row["a"] for _, row in read_jsonl(path, rejects)] == [1, 2]
    rejects.write()
    (row,) = [row for _, row in read_jsonl(tmp_path / "rejects.jsonl")]
    assert row["line"] == 2 and row["row"] == "nonsense"


def test_a_rejected_row_that_json_cannot_hold_is_still_written(tmp_path):
    rejects = Rejects(tmp_path / "rejects.jsonl")
    rejects.add(WHERE.error("bad"), {"labels": [float("nan")], "problem": "\ud800"})
    rejects.write()
    (row,) = [row for _, row in read_jsonl(tmp_path / "rejects.jsonl")]
    assert json.loads(row["row"])["problem"] == "\ud800" and "NaN" in row["row"]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.jsonl"
    write_jsonl(path, [{"a": 1}])
    for bad in (float("nan"), "\ud800"):
        with pytest.raises(InputError, match="a.jsonl:2"):
            write_jsonl(path, [{"a": 1}, {"a": bad}])
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl"]
