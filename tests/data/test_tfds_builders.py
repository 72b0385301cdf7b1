"""Data sets for tensorflow-datasets: what is read back is what the readers of the files give.

`tfds.testing.DatasetBuilderTestCase` is a TensorFlow test case, so the builders run on rows of our
own in the published layouts.
"""

import dataclasses
import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from prm_jax import formats
from prm_jax.data.gsm8k import corrupt_gsm8k
from prm_jax.data.tfds_builders import BUILDERS, TrajectoryBuilder, build, read
from prm_jax.data.tfds_builders.trajectory_features import from_example
from prm_jax.errors import InputError
from prm_jax.records import Rejects, Trajectory, Where, write_jsonl
from prm_jax.weights import artifacts


def rated(text, rating):
    completions = [{"text": text, "rating": rating}, {"text": "other", "rating": -1}]
    return {"completions": completions, "chosen_completion": 0, "human_completion": None}


def prmbench_row(number):
    return {
        "idx": f"q{number}",
        "question": "2 × 3 + π?",
        "original_process": ["1. 2 × 3 = 6", "2. 6 + π"],
        "modified_process": ["1. 2 × 3 = 6", "2. It is 5", "3. 5 + π"],
        "error_steps": [2, 3],
        "classification": "circular",
    }


def gsm8k_row(pens):
    answer = f"He buys {pens}*12 = <<{pens}*12={pens * 12}>>{pens * 12} pens.\n"
    answer += f"He keeps {pens * 12}-7 = <<{pens * 12}-7={pens * 12 - 7}>>{pens * 12 - 7} pens.\n"
    return {
        "question": f"Zoë buys {pens} boxes of 12 pens and gives away 7. How many are left?",
        "answer": f"{answer}#### {pens * 12 - 7}",
    }


ROWS = {
    "prm800k": [
        {
            "labeler": "é",
            "question": {"problem": "√4?", "ground_truth_answer": "2", "pre_generated_steps": []},
            "label": {
                "steps": [rated("√4 = ±2", 1), rated("so", 0), rated("2", None)],
                "finish_reason": "solution",
            },
        }
    ],
    "math_shepherd": [
        {
            "input": "2+3? Step 1: 2+3 = 6 ки\nStep 2: Also 答案 6 ки end",
            "label": "2+3? Step 1: 2+3 = 6 +\nStep 2: Also 答案 6 - end",
            "task": "GSM8K",
        }
    ],
    "processbench": [
        {
            "id": f"math-{label}",
            "generator": "m",
            "problem": "x² = 9?",
            "steps": ["x = ±3", "x = 3", "done"],
            "final_answer_correct": label == -1,
            "label": label,
        }
        for label in (1, -1, 0)
    ],
    "prmbench": [prmbench_row(1), prmbench_row(2)],
    "gsm8k_steps": [gsm8k_row(pens) for pens in range(13, 25)],
}
FILES = {
    "prm800k": ("phase2_train", "phase2_train.jsonl"),
    "math_shepherd": ("train", "math-shepherd.jsonl"),
    "processbench": ("math", "math.json"),
    "prmbench": ("test", "prmbench_preview.jsonl"),
    "gsm8k_steps": ("train", "train.jsonl"),
}


class AnyRows(TrajectoryBuilder, skip_registration=True):
    """Rows in our own format."""

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "write rows.jsonl"
    FORMAT = "prm_jax"
    SPLITS = {"train": "rows.jsonl", "test": "more-*.jsonl"}
    DESCRIPTION = HOMEPAGE = CITATION = LICENSE = "ours"


@pytest.fixture
def raw(tmp_path):
    """The directory of raw files."""
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


@pytest.fixture
def built(tmp_path, raw):
    """`built(name or builder class, config=None)` builds from the files in `raw`."""

    def make(name, config=None):
        builder = BUILDERS.get(name, name)(data_dir=str(tmp_path / "tfds"), config=config)
        build(builder, raw)
        return builder

    return make


def write_raw(raw, name):
    """Writes a data set's rows to the file of a split; returns the path."""
    path = raw / FILES[name][1]
    if path.suffix == ".json":
        path.write_text(json.dumps(ROWS[name]))
    else:
        write_jsonl(path, ROWS[name])
    return path


@pytest.mark.parametrize("name", BUILDERS)
def test_trajectories_read_back_are_those_of_the_raw_file(name, raw, built, tmp_path):
    path = write_raw(raw, name)
    builder = built(name)
    wanted = formats.read(path, format=builder.FORMAT)
    split = FILES[name][0]
    assert len(wanted) == len(ROWS[name])
    assert read(builder, split) == read(builder.data_path, split) == wanted
    loaded = tfds.data_source(name, split=split, data_dir=str(tmp_path / "tfds"))
    assert [row["problem"].decode() for row in loaded] == [t.problem for t in wanted]


@pytest.mark.parametrize("name", BUILDERS)
def test_the_files_say_what_they_are(name, raw, built):
    write_raw(raw, name)
    info = json.loads((built(name).data_path / "dataset_info.json").read_text())
    assert (info["name"], info["fileFormat"], info["version"]) == (name, "array_record", "1.0.0")
    assert info["citation"].startswith("@article{") and info["citation"].endswith("\n}")
    assert info["location"]["urls"][0].startswith("https://")
    assert info["redistributionInfo"]["license"] and len(info["description"]) > 50
    assert [split["name"] for split in info["splits"]] == [FILES[name][0]]


def test_nulls_soft_labels_and_empty_texts_come_back_exactly(raw, built):
    base = Trajectory(problem="Wie groß?", steps=("a", "日本"))
    written = [
        base,
        dataclasses.replace(base, labels=(None, None), answer="", id="", outcome=1.0),
        dataclasses.replace(base, labels=(0.9, 1 / 3), outcome=0.0, gold="½", group="g"),
        dataclasses.replace(base, labels=(None, 0.1), first_error=1, source="s"),
        dataclasses.replace(base, first_error=0, meta={"k": [1, None, {"π": 0.1}], "n": 2**70}),
        dataclasses.replace(base, labels=(1.0, 1.0), first_error=-1),
    ]
    write_jsonl(raw / "rows.jsonl", written)
    assert read(built(AnyRows), "train") == written


def test_nulls_are_marked_for_those_who_read_the_features(raw, built):
    write_jsonl(
        raw / "rows.jsonl",
        [
            {"problem": "p", "steps": ["a", "b"]},
            {"problem": "p", "steps": ["a", "b"], "labels": [0.9, None], "first_error": -1},
        ],
    )
    bare, labelled = built(AnyRows).as_data_source(split="train")
    assert np.isnan(bare["labels"]).tolist() == [True, True] and np.isnan(bare["outcome"])
    assert bare["first_error"] == -2 and b"labels" in bare["null_fields"]
    assert labelled["labels"].dtype == np.float64 and labelled["first_error"] == -1
    np.testing.assert_array_equal(labelled["labels"], [0.9, np.nan])


@pytest.mark.parametrize("n_shards", [1, 3])
def test_the_order_is_that_of_the_files(raw, tmp_path, n_shards):
    parts = range(8)
    for part in reversed(parts):
        rows = [{"problem": f"{part}/{i}", "steps": ["a"]} for i in range(10)]
        write_jsonl(raw / f"more-{part}.jsonl", rows)
    config = tfds.download.DownloadConfig(manual_dir=str(raw), num_shards=n_shards)
    builder = AnyRows(data_dir=str(tmp_path / "tfds"))
    builder.download_and_prepare(download_config=config)
    assert builder.info.splits["test"].num_shards == n_shards
    wanted = [f"{part}/{i}" for part in parts for i in range(10)]
    assert [t.problem for t in read(builder, "test")] == wanted
    assert [t.problem for t in read(builder, "test[25:28]")] == wanted[25:28]


@pytest.mark.parametrize("neutral, label", [("positive", 1), ("negative", 0), ("masked", None)])
def test_a_variant_of_prm800k_says_what_rating_0_means(raw, built, neutral, label):
    write_raw(raw, "prm800k")
    (trajectory,) = read(built("prm800k", neutral), "phase2_train")
    assert trajectory.labels == (1, label, None)


def test_a_variant_of_prmbench_says_which_process(raw, built):
    path = write_raw(raw, "prmbench")
    for process in ("original", "both"):
        wanted = formats.read(path, process=process)
        assert read(built("prmbench", process), "test") == wanted


def test_corrupted_gsm8k_is_what_corrupt_gsm8k_makes(raw, built):
    path = write_raw(raw, "gsm8k_steps")
    wanted = corrupt_gsm8k(formats.read(path, "gsm8k"), n_per_problem=1, seed=0)
    assert read(built("gsm8k_steps", "corrupted"), "train") == wanted
    assert {t.first_error for t in wanted} - {-1}, "no row has an error"


def test_gsm8k_for_training_is_taken_from_its_artifact(tmp_path, raw, monkeypatch):
    path = write_raw(raw, "gsm8k_steps")
    artifact = {"kind": "url", "file": "gsm8k_train.jsonl"}
    artifact["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(artifacts, "table", lambda: {"gsm8k-train": artifact})
    monkeypatch.setenv("PRM_JAX_CACHE", str(tmp_path / "cache"))
    cached = artifacts.cached_path("gsm8k-train")
    cached.parent.mkdir(parents=True)
    path.rename(cached)
    builder = BUILDERS["gsm8k_steps"](data_dir=str(tmp_path / "tfds"))
    build(builder)
    assert read(builder, "train") == formats.read(cached)


def test_refused_rows_lie_beside_the_data(raw, built):
    bad = prmbench_row(7) | {"error_steps": [0]}
    path = raw / "prmbench_preview.jsonl"
    write_jsonl(path, [prmbench_row(1), bad, prmbench_row(2)])
    builder, rejects = built("prmbench"), Rejects("")
    assert read(builder, "test") == formats.read(path, skip_bad=rejects)
    (row,) = [json.loads(line) for line in open(builder.data_path / "test.rejects.jsonl")]
    assert [row] == rejects.rows and row["line"] == 2


def test_nothing_is_built_where_every_row_is_refused(raw, built):
    write_jsonl(raw / "prmbench_preview.jsonl", [prmbench_row(7) | {"error_steps": [0]}])
    with pytest.raises(InputError, match="no row could be read"):
        built("prmbench")
    assert not list(raw.parent.glob("tfds/prmbench/**/*.array_record*"))


def test_missing_files_are_named(tmp_path, raw, built):
    write_jsonl(raw / "other.jsonl", [{}])
    for folder in (raw, tmp_path / "nowhere", None):
        builder = BUILDERS["processbench"](data_dir=str(tmp_path / "tfds"))
        with pytest.raises(InputError, match="needs gsm8k.json or .*huggingface.co") as raised:
            build(builder, folder)
        assert raised.value.field == "manual_dir"


def test_what_cannot_be_read_back_is_said(raw, built, tmp_path):
    with pytest.raises(InputError, match="no data set is built here"):
        read(BUILDERS["prmbench"](data_dir=str(tmp_path)), "test")
    with pytest.raises(InputError, match="holds no dataset_info.json"):
        read(tmp_path, "test")
    write_raw(raw, "prmbench")
    builder = built("prmbench")
    for split in ("train", "test[:x]"):
        with pytest.raises(InputError, match="no split .*; known: test"):
            read(builder, split)


OWN = "tensorflow_datasets.core.features"


@pytest.fixture
def foreign(raw, built):
    """`foreign(file, old, new)`: a built data set's directory with one text of a file replaced."""

    def make(file, old, new):
        write_raw(raw, "prmbench")
        folder = built("prmbench").data_path
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new))
        return folder

    return make


@pytest.mark.parametrize("key", ["pythonClassName", "python_class_name", "type"])
def test_a_data_set_may_not_name_code_which_is_then_not_imported(
    foreign, tmp_path, monkeypatch, key
):
    (tmp_path / "named_by_data.py").write_text("Text = None")
    monkeypatch.syspath_prepend(tmp_path)
    old = f'"pythonClassName": "{OWN}.text_feature.Text"'
    folder = foreign("features.json", old, f'"{key}": "named_by_data.Text"')
    with pytest.raises(InputError, match="'named_by_data.Text' is no feature") as raised:
        read(folder, "test")
    assert (raised.value.file.name, raised.value.field) == ("features.json", key)
    assert "named_by_data" not in sys.modules


@pytest.mark.parametrize(
    "file, old, new, message",
    [
        ("dataset_info.json", "{DATASET}-{SPLIT}", "../{SPLIT}", "is no name of a file"),
        ("dataset_info.json", '"name": "test"', '"name": "../test"', "is no name of a file"),
        ("dataset_info.json", '"array_record"', '"tfrecord"', "without TensorFlow"),
        ("features.json", "{", "[" * 5000, "features.json: cannot be read"),
        ("features.json", "float64", "complex", "the example cannot be read"),
        ("features.json", "float64", "number", "is no data set that can be read"),
        ("features.json", f"{OWN}.text_feature.Text", f"{OWN}.Text", "is no feature"),
    ],
)
def test_a_data_set_that_leaves_its_directory_or_is_damaged_is_refused(
    foreign, file, old, new, message
):
    with pytest.raises(InputError, match=message):
        read(foreign(file, old, new), "test")


def test_a_data_set_of_something_else_is_refused(tmp_path):
    class Numbers(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = tfds.features.FeaturesDict({"labels": tfds.features.Text()})
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            yield 0, {"labels": ""}

    builder = Numbers(data_dir=str(tmp_path), file_format="array_record")
    builder.download_and_prepare()
    with pytest.raises(InputError, match="has no feature 'problem'"):
        read(builder, "train")
    with pytest.raises(InputError, match="a:1: the data set has features of other kinds"):
        from_example({"labels": [], "problem": 3}, Where("a", 1))


def test_neither_tensorflow_nor_jax_is_imported(raw, tmp_path):
    write_raw(raw, "prmbench")
    program = """
import sys
from prm_jax.data.tfds_builders import BUILDERS, build, read
builder = BUILDERS["prmbench"](data_dir=sys.argv[1])
build(builder, sys.argv[2])
assert len(read(builder, "test")) == 2
assert not {"tensorflow", "jax"} & set(sys.modules)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "tfds"), str(raw)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
