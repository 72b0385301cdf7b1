"""The same rows from Parquet columns of every type, JSON lines, JSON and array_record."""

import datetime
import decimal
import gzip
import json
import math

import pyarrow
import pytest
from pyarrow import parquet

from prm_jax import formats
from prm_jax.errors import InputError
from prm_jax.formats import array_records
from prm_jax.formats.convert import convert
from prm_jax.records import Rejects

US = datetime.datetime(2022, 7, 30, 14, 39, 3)
ROW = {"problem": "1 + 1?", "steps": ["1 + 1 = 3"]}
# Column type, value as pyarrow takes it, what it is in a trajectory's meta.
COLUMNS = {
    "us": (pyarrow.timestamp("us"), US, "2022-07-30T14:39:03"),
    "ns": (pyarrow.timestamp("ns"), 1_659_191_943_000_000_007, "2022-07-30T14:39:03.000000007"),
    "zone": (pyarrow.timestamp("ns", "+02:00"), 10**9, "1970-01-01T02:00:01+02:00"),
    "late": (pyarrow.timestamp("s"), 300_000_000_000, "11476-08-15T05:20:00"),
    "day": (pyarrow.date32(), datetime.date(2024, 1, 1), "2024-01-01"),
    "date64": (pyarrow.date64(), datetime.date(2024, 1, 1), "2024-01-01"),
    "time": (pyarrow.time64("ns"), 3_600_000_000_001, "01:00:00.000000001"),
    "duration": (pyarrow.duration("ms"), -1500, "-PT1.5S"),
    "decimal": (pyarrow.decimal128(4, 2), decimal.Decimal("0.50"), "0.50"),
    "bytes": (pyarrow.binary(), b"\x00\x01", "AAE="),
    "half": (pyarrow.float16(), 0.5, 0.5),
    "byte": (pyarrow.uint8(), 255, 255),
    "nan": (pyarrow.float64(), math.nan, None),
    "map": (pyarrow.map_(pyarrow.string(), pyarrow.date32()), [("a", 0)], {"a": "1970-01-01"}),
    "pairs": (pyarrow.map_(pyarrow.int8(), pyarrow.int8()), [(1, 2)], [[1, 2]]),
    "nested": (
        pyarrow.list_(pyarrow.struct([("t", pyarrow.timestamp("ms")), ("d", pyarrow.float32())])),
        [{"t": US, "d": math.nan}, None],
        [{"t": "2022-07-30T14:39:03", "d": None}, None],
    ),
    "category": (pyarrow.dictionary(pyarrow.int8(), pyarrow.string()), "gsm8k", "gsm8k"),
    "null": (pyarrow.null(), None, None),
}


@pytest.fixture
def table(tmp_path):
    """Writes rows with one more column of each type."""
    columns = {name: pyarrow.array([v], t) for name, (t, v, _) in COLUMNS.items() if v is not None}
    columns["null"] = pyarrow.nulls(1)
    text = {name: pyarrow.array([value]) for name, value in ROW.items()}
    parquet.write_table(pyarrow.table(text | columns), tmp_path / "rows.parquet")
    return tmp_path / "rows.parquet"


def test_a_column_of_any_type_is_read_converted_and_written_again(table, tmp_path):
    (found,) = formats.read(table)
    wanted = {name: value for name, (_, _, value) in COLUMNS.items()}
    assert found.meta == wanted
    convert(table, tmp_path / "out.jsonl", "prm_jax")
    assert formats.read(tmp_path / "out.jsonl") == [found]
    array_records.write(tmp_path / "set", [found])
    assert formats.read(tmp_path / "set-*") == [found]


def test_a_refused_row_of_such_columns_is_in_the_rejects(tmp_path):
    rows = pyarrow.table({"problem": ["a", "b"], "steps": [["x"], []], "when": [US, US]})
    parquet.write_table(rows, tmp_path / "rows.parquet")
    rejects = Rejects(tmp_path / "rejects.jsonl")
    assert len(formats.read(tmp_path / "rows.parquet", skip_bad=rejects)) == 1
    rejects.write()
    (line,) = map(json.loads, open(tmp_path / "rejects.jsonl"))
    assert json.loads(line["row"])["when"] == "2022-07-30T14:39:03"


def test_text_in_binary_columns_is_refused_not_read_as_base64(tmp_path):
    rows = pyarrow.table({"problem": [b"1 + 1?"], "steps": [["x"]]})
    parquet.write_table(rows, tmp_path / "rows.parquet")
    with pytest.raises(InputError, match="rows.parquet:1: field 'problem': .*not bytes; store"):
        formats.read(tmp_path / "rows.parquet")


# As pandas writes integers beside nulls.
FLOATS = {
    "prm_jax": ROW | {"labels": [0.0], "first_error": 0.0, "outcome": math.nan},
    "processbench": ROW | {"id": "math-1", "label": 0.0, "final_answer_correct": 0.0},
    "big_bench_mistake": {
        **{"input": "q", "steps": ["a"], "mistake_index": 0.0},
        **{"answer": "1", "target": "2"},
    },
    "trl": {"prompt": "q", "completions": ["a", "b"], "labels": [0.0, math.nan]},
    "prmbench": {
        **{"question": "q", "original_process": ["a"], "modified_process": ["b"]},
        **{"error_steps": [1.0], "classification": "circular", "idx": 7.0},
    },
    "multi_rm": {"question": "q", "cot": ["a", "b"], "labels": [-1.0], "q_id": 7.0},
}


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".json", ".parquet", ".array_record"])
def test_whole_floats_and_nan_are_integers_and_nulls_from_every_kind_of_file(
    tmp_path, name, suffix
):
    path = tmp_path / f"rows{suffix}"
    text = json.dumps(FLOATS[name])  # with the token NaN
    if suffix == ".parquet":
        parquet.write_table(pyarrow.Table.from_pylist([FLOATS[name]]), path)
    elif suffix == ".array_record":
        rows = json.loads(text, parse_constant=lambda token: None)
        path = array_records.write(path, [rows])[0]
    elif suffix == ".json":
        path.write_text(f"[{text}]")
    else:
        (gzip.open if suffix == ".jsonl.gz" else open)(path, "wt").write(text + "\n")
    (found,) = formats.read(path)
    assert formats.detect(path) == name
    assert found.first_error in (0, None) and found.step_labels()[0] == 0.0
    assert found.outcome in (0.0, None)
    assert found.group in (None, "7") and set(found.step_labels()[1:]) <= {None}


@pytest.mark.parametrize("token", ["Infinity", "-Infinity", "1e999"])
def test_an_infinity_is_refused_by_file_line_and_field(tmp_path, token):
    path = tmp_path / "rows.jsonl"
    good = json.dumps(ROW)
    path.write_text(f'{good}\n{good[:-1]}, "meta": {{"a": [{token}]}}}}\n{good}\n')
    with pytest.raises(InputError, match=r"rows.jsonl:2: field 'meta.a\[0\]': -?inf"):
        formats.read(path)
    rejects = Rejects("")
    assert len(formats.read(path, skip_bad=rejects)) == 2 and rejects.rows[0]["line"] == 2


def test_columns_that_a_row_lacks_are_null_and_not_the_text_none(tmp_path):
    both = {"steps": ["a"], "regraded": None, "correct": True}
    rows = [{"problem": text, "gold": "1", "id": None, "candidates": [both]} for text in "pq"]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "rows.parquet")
    found = formats.read(tmp_path / "rows.parquet", "candidates")
    assert [t.group for t in found] == ["rows.parquet:1", "rows.parquet:2"]
    assert [t.outcome for t in found] == [1.0, 1.0]
