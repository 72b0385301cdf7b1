"""array_record files: what is written comes back by its number, whole or not at all."""

import json

import pytest
from array_record.python import array_record_module

from prm_jax import formats
from prm_jax.errors import InputError
from prm_jax.formats import array_records
from prm_jax.records import Rejects, Trajectory


def trajectories(n):
    return [
        Trajectory(
            problem=f"{i} + π?", steps=("a", f"{i}"), labels=(1.0, None), id=str(i), meta={"k": [i]}
        )
        for i in range(n)
    ]


def test_any_number_is_read_from_its_shard_as_it_was_written(tmp_path):
    written = trajectories(25)
    files = array_records.write(tmp_path / "set", written, shard_size=10)
    assert [f.name for f in files] == [f"set-{i:05d}-of-00003.array_record" for i in range(3)]
    records = array_records.ArrayRecords(files)
    assert len(records) == 25
    for number in (24, 0, 9, 10, 19, 20):
        where, row = records[number]
        assert Trajectory.from_dict(row, where) == written[number]
        assert where == (str(files[number // 10]), number % 10 + 1)
    with pytest.raises(IndexError):
        records[25]
    assert formats.read(tmp_path) == formats.read(f"{tmp_path}/set-*") == written


@pytest.mark.parametrize("n, shard_size, n_files", [(10, 10, 1), (11, 10, 2), (20, 10, 2)])
def test_a_set_has_as_many_files_as_it_needs(tmp_path, n, shard_size, n_files):
    files = array_records.write(tmp_path / "set.array_record", trajectories(n), shard_size)
    assert len(files) == n_files and len(array_records.ArrayRecords(files)) == n


def test_a_write_that_fails_leaves_the_old_set_as_it_was(tmp_path):
    array_records.write(tmp_path / "set", trajectories(5), shard_size=2)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def failing():
        yield from trajectories(3)
        yield {"problem": float("nan")}

    with pytest.raises(InputError, match="trajectory 3 cannot be written"):
        array_records.write(tmp_path / "set", failing(), shard_size=2)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    with pytest.raises(InputError, match="no trajectories"):
        array_records.write(tmp_path / "set", [])


def test_a_new_set_replaces_the_files_of_the_old_one_and_no_others(tmp_path):
    array_records.write(tmp_path / "set", trajectories(5), shard_size=1)
    other = array_records.write(tmp_path / "set2", trajectories(1))
    new = array_records.write(tmp_path / "set", trajectories(2))
    assert sorted(tmp_path.iterdir()) == sorted([*new, *other])


def test_sets_with_missing_or_left_over_files_are_refused(tmp_path):
    files = array_records.write(tmp_path / "set", trajectories(4), shard_size=1)
    kept = files[1].read_bytes()
    files[1].unlink()
    for path in (tmp_path, f"{tmp_path}/*.array_record"):
        with pytest.raises(InputError, match="1 of 4 files are missing, the first is number 1"):
            formats.read(path)
    files[1].write_bytes(kept)
    (tmp_path / "set-00000-of-00001.array_record").write_bytes(kept)
    with pytest.raises(InputError, match="sets of 1 and of 4 files"):
        formats.read(tmp_path)


def test_a_set_may_be_named_as_tensorflow_datasets_does(tmp_path):
    (file,) = array_records.write(tmp_path / "set", trajectories(3))
    file.rename(tmp_path / "d-train.array_record-00000-of-00002")
    with pytest.raises(InputError, match="1 of 2 files are missing"):
        formats.read(tmp_path)
    renamed = tmp_path / "d-train.array_record-00000-of-00001"
    (tmp_path / "d-train.array_record-00000-of-00002").rename(renamed)
    assert formats.read(tmp_path) == formats.read(renamed) == trajectories(3)


def test_damaged_files_are_refused_by_name(tmp_path):
    (whole,) = array_records.write(tmp_path / "set", trajectories(500))
    cut = tmp_path / "cut.array_record"
    cut.write_bytes(whole.read_bytes()[:2000])
    for path, problem in ((cut, "is not a whole"), (tmp_path / "no.array_record", "no such file")):
        with pytest.raises(InputError, match=problem) as raised:
            formats.read(path)
        assert raised.value.file == str(path)


def test_a_bad_record_is_named_or_left_out(tmp_path):
    rows = [t.to_dict() for t in trajectories(3)]
    rows[1]["steps"] = []
    (file,) = array_records.write(tmp_path / "set", rows)
    with pytest.raises(InputError, match="field 'steps'") as raised:
        formats.read(file)
    assert raised.value.line == 2
    rejects = Rejects(tmp_path / "rejects.jsonl")
    assert [t.id for t in formats.read(file, skip_bad=rejects)] == ["0", "2"]
    assert [row["line"] for row in rejects.rows] == [2]


def test_a_record_that_is_not_json_is_named_or_left_out(tmp_path):
    path = tmp_path / "set.array_record"
    writer = array_record_module.ArrayRecordWriter(str(path), "group_size:1")
    for raw in (
        b'{"problem": "1?", "steps": ["1"]}',
        b"\xff",
        b'{"problem": "2?", "steps": ["2"]}',
    ):
        writer.write(raw)
    writer.close()
    with pytest.raises(InputError, match="the record is not JSON") as raised:
        formats.read(path)
    assert raised.value.line == 2
    rejects = Rejects(tmp_path / "rejects.jsonl")
    assert [t.problem for t in formats.read(path, skip_bad=rejects)] == ["1?", "2?"]
    assert [row["line"] for row in rejects.rows] == [2]


def test_records_of_a_foreign_format_go_through_its_reader(tmp_path):
    row = {"id": "gsm-1", "problem": "p", "steps": ["a", "b"], "label": 1}
    row |= {"final_answer_correct": False, "generator": "g"}
    (file,) = array_records.write(tmp_path / "set", [row])
    jsonl = tmp_path / "rows.jsonl"
    jsonl.write_text(json.dumps(row))
    assert formats.detect(file) == "processbench"
    assert formats.read(file) == formats.read(jsonl)


@pytest.mark.parametrize("levels", [100, 700, 20_000])
def test_rows_within_rows_are_read_or_refused(levels, tmp_path):
    deep = '{"a":' * levels + "1" + "}" * levels
    row = f'{{"problem": "p", "steps": ["a"], "meta": {deep}}}'
    file = tmp_path / "rows.array_record"
    writer = array_record_module.ArrayRecordWriter(str(file), "group_size:1")
    writer.write(row.encode())
    writer.close()
    (tmp_path / "rows.jsonl").write_text(row + "\n")
    for path in (file, tmp_path / "rows.jsonl"):
        if levels == 100:
            assert len(formats.read(path)) == 1
        else:
            with pytest.raises(InputError, match=":1: .*(nested|recursion)"):
                formats.read(path)
