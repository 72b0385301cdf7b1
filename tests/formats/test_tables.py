"""Parquet files, here and behind a URL: the same trajectories as from JSON lines."""

import sys

import fsspec
import pyarrow
import pytest
from pyarrow import parquet

from prm_jax import formats
from prm_jax.errors import InputError
from prm_jax.formats import array_records, tables
from prm_jax.records import Rejects, write_jsonl

OURS = [
    {"problem": f"{i}?", "steps": ["a", "b"], "labels": [1.0, None], "id": str(i), "meta": {"k": i}}
    for i in range(2500)
]
# The published layouts of Hugging Face data sets, in rows of our own.
PUBLISHED = {
    "processbench": {
        "id": "gsm8k-0",
        "problem": "1 + 1?",
        "steps": ["1 + 1 = 3"],
        "label": 0,
        "final_answer_correct": False,
        "generator": "g",
    },
    "math_shepherd": {"input": "1? Step 1: 1 ки", "label": "1? Step 1: 1 +", "task": "GSM8K"},
    "trl": {"prompt": "1?", "completions": ["1", "2"], "labels": [True, False]},
    "big_bench_mistake": {
        "input": "1?",
        "steps": ["1"],
        "answer": "1",
        "target": "1",
        "mistake_index": None,
    },
}


@pytest.fixture
def memory():
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/", recursive=True)


def write_parquet(path, rows):
    with fsspec.open(str(path), "wb") as file:
        parquet.write_table(pyarrow.Table.from_pylist(rows), file)


def test_json_lines_parquet_and_array_records_give_the_same(tmp_path, memory):
    write_jsonl(tmp_path / "rows.jsonl", OURS)
    write_parquet(tmp_path / "rows.parquet", OURS)
    write_parquet("memory://data/rows.parquet", OURS)
    array_records.write(tmp_path / "rows", OURS, shard_size=1000)
    expected = formats.read(tmp_path / "rows.jsonl")
    assert len(expected) == 2500 and expected[7].meta == {"k": 7}
    url = f"file://{tmp_path}/rows.parquet"
    paths = [tmp_path / "rows.parquet", url, "memory://data/rows.parquet"]
    for path in [*paths, "memory://data/*.parquet", f"{tmp_path}/rows-*.array_record"]:
        assert formats.read(path) == expected, path


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_layouts_are_recognised_in_parquet(tmp_path, name):
    write_parquet(tmp_path / "rows.parquet", [PUBLISHED[name]])
    write_jsonl(tmp_path / "rows.jsonl", [PUBLISHED[name]])
    assert formats.detect(tmp_path / "rows.parquet") == name
    assert formats.read(tmp_path / "rows.parquet") == formats.read(tmp_path / "rows.jsonl")


def test_a_glob_behind_a_url_gives_its_files_in_order(memory):
    for i in (1, 0):
        write_parquet(f"memory://data/{i}.parquet", [OURS[i]])
    assert [t.id for t in formats.read("memory://data/*.parquet")] == ["0", "1"]
    with pytest.raises(InputError, match="no file matches"):
        formats.read("memory://nothing/*.parquet")


def test_a_bad_row_is_named_by_its_number_or_left_out(tmp_path):
    path = tmp_path / "rows.parquet"
    write_parquet(path, [OURS[0], OURS[1] | {"steps": []}, OURS[2]])
    with pytest.raises(InputError, match="field 'steps'") as raised:
        formats.read(path)
    assert (raised.value.file, raised.value.line) == (str(path), 2)
    rejects = Rejects(tmp_path / "rejects.jsonl")
    assert [t.id for t in formats.read(path, skip_bad=rejects)] == ["0", "2"]


@pytest.mark.parametrize("text", [b"", b"PAR1 no table PAR1"])
def test_what_is_no_parquet_is_refused(tmp_path, text):
    (tmp_path / "rows.parquet").write_bytes(text)
    for path in (tmp_path / "rows.parquet", tmp_path / "missing.parquet"):
        with pytest.raises(InputError, match="is it a Parquet file"):
            formats.read(path)


def test_urls_that_cannot_be_read_say_why(memory):
    with pytest.raises(InputError, match="cannot be reached"):
        formats.read("nosuchsystem://data/rows.parquet")
    with pytest.raises(InputError, match="only Parquet is read from a URL"):
        formats.read("memory://data/rows.jsonl")


@pytest.mark.parametrize("package", ["fsspec", "pyarrow"])
def test_a_missing_package_is_named_with_what_to_install(monkeypatch, tmp_path, package):
    write_parquet(tmp_path / "rows.parquet", OURS[:1])
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"needs the package {package}.*prm_jax\[parquet\]"):
        list(tables.rows(tmp_path / "rows.parquet"))


class NoNetwork(fsspec.AbstractFileSystem):
    """A file system whose errors are of a kind of its own, as those of HTTP clients are."""

    protocol = "nonetwork"

    class Refused(Exception):
        """No OSError."""

    def _open(self, path, **_):
        raise self.Refused("Connection refused")

    glob = ls = info = _open


@pytest.mark.parametrize("name", ["nonetwork://a/x.parquet", "nonetwork://a/*.parquet"])
def test_a_network_that_is_not_there_is_one_line(name):
    fsspec.register_implementation("nonetwork", NoNetwork, clobber=True)
    with pytest.raises(InputError, match="Connection refused; look whether .* network is there"):
        formats.read(name)
