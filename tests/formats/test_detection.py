"""A row of any format is recognised by that format alone, and damage is refused, not a crash."""

import pytest
from format_rows import ROWS

from prm_jax import formats
from prm_jax.errors import InputError
from prm_jax.records import Trajectory, Where


def test_every_registered_format_has_a_row_here():
    assert set(ROWS) == set(formats.FORMATS)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_recognised_by_its_own_format_alone_and_read(name, tmp_path):
    fits = {other for other, module in formats.FORMATS.items() if module.detect(ROWS[name])}
    assert fits == {name}
    formats.write_jsonl(tmp_path / "in.jsonl", [ROWS[name]])
    assert formats.detect(tmp_path / "in.jsonl") == name
    assert len(formats.read(tmp_path / "in.jsonl")) == (2 if name == "judgebench" else 1)


NOT_NULL = ("big_bench_mistake",)  # null in its field means that there is no mistake


@pytest.mark.parametrize("name", [name for name in ROWS if name not in NOT_NULL])
def test_a_row_of_a_table_with_the_columns_of_all_formats_is_recognised(name):
    union = dict.fromkeys(field for row in ROWS.values() for field in row)
    assert formats.detected({**union, **ROWS[name]}).NAME == name


@pytest.mark.parametrize("name", ROWS)
def test_extra_columns_do_not_change_what_a_row_is(name):
    extra = {"__index_level_0__": 3, "split": "train", "note": None}
    assert formats.detected({**ROWS[name], **extra}).NAME == name


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"messages": [{"role": "user", "content": "q"}]}, "chat of 1 turns"),
        (
            {
                "conversations": [
                    {"from": "human", "value": "q Step 1: a"},
                    {"from": "gpt", "value": "It is right."},
                ]
            },
            "chat of 2 turns",
        ),
        ({"messages": [{"role": "assistant", "content": "+1"}]}, "chat of 1 turns"),
        ({"problem_id": "a", "candidate_index": 0, "step_scores": [0.5]}, "--scores"),
        ({"id": "a", "step_scores": [0.5], "score": 0.5}, "--scores"),
        ({"features": [], "rows": [{"row_idx": 0, "row": {}}], "partial": False}, "viewer"),
        ({"prompt": "p", "chosen": "a", "rejected": "b"}, "pair of preferences"),
        ({"question": "q", "steps": ["a"], "step_labels": [1]}, "problem, steps and labels"),
        ({"query": "q", "solution_steps": ["a"], "ratings": [1]}, "a question (query)"),
        ({"instruction": "p", "output": "o"}, "fields ['instruction', 'output']"),
    ],
)
def test_a_row_of_no_format_is_said_to_be_what_it_looks_like_in_one_line(row, says, tmp_path):
    assert not [name for name, module in formats.FORMATS.items() if module.detect(row)]
    formats.write_jsonl(tmp_path / "in.jsonl", [row])
    with pytest.raises(InputError) as caught:
        formats.read(tmp_path / "in.jsonl")
    message = str(caught.value)
    assert "in.jsonl:1: fits no known format" in message and says in message
    assert "\n" not in message and "processbench, " in message and "rlhflow, " in message


@pytest.mark.parametrize("name", ROWS)
def test_a_row_without_fields_is_refused_with_its_line(name):
    with pytest.raises(InputError, match="f.jsonl:1"):
        formats.FORMATS[name].read({}, Where("f.jsonl", 1))


@pytest.mark.parametrize("junk", [None, True, -1, 0.5, "", "x", [], [None], [[]], {}, [{"a": 1}]])
@pytest.mark.parametrize("name", ROWS)
def test_a_damaged_field_is_refused_with_its_line_or_read_but_never_crashes(name, junk):
    for field in ROWS[name]:
        try:
            found = formats.FORMATS[name].read({**ROWS[name], field: junk}, Where("f.jsonl", 1))
        except InputError as error:
            assert (error.file, error.line) == ("f.jsonl", 1)
        else:
            assert all(isinstance(trajectory, Trajectory) for trajectory in found)
