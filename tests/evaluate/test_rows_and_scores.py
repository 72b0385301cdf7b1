"""Ids that name their file, scores that belong, subsets of published files, bad rows left out."""

import json

import pytest

from prm_jax import formats
from prm_jax.errors import InputError
from prm_jax.evaluate.evaluate_file import evaluate_file
from prm_jax.evaluate.inputs import read_scores
from prm_jax.records import Rejects, Where, write_jsonl
from prm_jax.scoring.inputs import read_identified, solutions_sha256


def row(text, **fields):
    return {"problem": text, "steps": ["a", "b"], "labels": [1, 0], **fields}


def write_scores(path, names, **made_from):
    write_jsonl(path, [{"id": name, "step_scores": [0.9, 0.1]} for name in names])
    if made_from:
        (path.parent / f"{path.name}.meta.json").write_text(json.dumps(made_from))
    return path


def test_ids_of_rows_without_one_name_their_file_and_differ_over_folders(tmp_path, monkeypatch):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        for name in ("one.jsonl", f"only_{folder}.jsonl"):
            write_jsonl(tmp_path / folder / name, [row("p"), row("q", id="mine")])
    wanted = ["x/one.jsonl:1", "mine", "only_x.jsonl:1", "mine"]
    wanted += ["y/one.jsonl:1", "mine", "only_y.jsonl:1", "mine"]
    assert [t.id for t in read_identified(f"{tmp_path}/*/*.jsonl")] == wanted
    monkeypatch.chdir(tmp_path / "x")
    assert [t.id for t in read_identified("../*/*.jsonl")] == wanted
    assert read_identified("one.jsonl") == read_identified(tmp_path / "x" / "one.jsonl")
    assert read_identified("one.jsonl")[0].id == "one.jsonl:1"


def test_groups_of_two_files_of_one_name_do_not_meet(tmp_path):
    candidates = [{"steps": ["a"], "correct": True}]
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "pool.jsonl"
        write_jsonl(path, [{"problem": folder, "gold": "1", "candidates": candidates}])
    assert len({t.group for t in read_identified(f"{tmp_path}/*/pool.jsonl")}) == 2


def test_scores_of_another_file_of_equal_shape_are_refused(tmp_path):
    for name in ("a", "b"):
        write_jsonl(tmp_path / f"{name}.jsonl", [row(f"{name}{i}") for i in range(3)])
    scores = write_scores(tmp_path / "s.jsonl", [f"a.jsonl:{i}" for i in (1, 2, 3)])
    assert len(read_scores(scores, read_identified(tmp_path / "a.jsonl"))) == 3
    with pytest.raises(InputError, match=r"s.jsonl:1: field 'id': 'a.jsonl:1' is not in the input"):
        read_scores(scores, read_identified(tmp_path / "b.jsonl"))


def test_the_record_beside_the_scores_tells_other_solutions_with_the_same_ids(tmp_path):
    ours, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    write_jsonl(ours, [row("p", id="0"), row("q", id="1")])
    write_jsonl(other, [row("p", id="0"), row("another", id="1")])
    trajectories = read_identified(ours)
    made_from = {"rows": 2, "solutions_sha256": solutions_sha256(trajectories)}
    scores = write_scores(tmp_path / "s.jsonl", "01", **made_from)
    assert len(read_scores(scores, trajectories)) == 2
    with pytest.raises(InputError, match="of other problems or steps .*; score this input"):
        read_scores(scores, read_identified(other))
    with pytest.raises(InputError, match="field 'id'"):  # another order
        read_scores(scores, trajectories[::-1])
    # Labels that were added later change no score.
    write_jsonl(other, [row("p", id="0", labels=[0, 0]), row("q", id="1", source="s")])
    assert len(read_scores(scores, read_identified(other))) == 2


def test_scores_go_with_the_same_solutions_in_a_file_of_another_name(tmp_path):
    for name in ("old.jsonl", "new.jsonl"):
        write_jsonl(tmp_path / name, [row("p"), row("q")])
    known = {
        "rows": 2,
        "solutions_sha256": solutions_sha256(read_identified(tmp_path / "old.jsonl")),
    }
    scores = write_scores(tmp_path / "s.jsonl", ["old.jsonl:1", "old.jsonl:2"], **known)
    assert len(read_scores(scores, read_identified(tmp_path / "new.jsonl"))) == 2
    write_scores(scores, ["old.jsonl:2", "old.jsonl:1"], **known)
    with pytest.raises(InputError, match="field 'id'"):
        read_scores(scores, read_identified(tmp_path / "new.jsonl"))


def test_an_older_record_of_another_file_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "a.jsonl"
    write_jsonl(path, [row("p", id="0")])
    scores = write_scores(tmp_path / "s.jsonl", "0", input="b.jsonl", input_sha256="0" * 64)
    with pytest.raises(InputError, match="of another file, b.jsonl; score this input, or remove"):
        evaluate_file("steps", path, scores=scores, n_boot=5)


SUBSETS = ("gsm8k", "math", "olympiadbench", "omnimath")


def processbench_row(subset, i, **fields):
    wrong = i % 2 == 0
    row = {"problem": f"{subset} {i}", "steps": ["a", "b"], "label": 1 if wrong else -1}
    # The first subset is judged well, the others less so.
    hit = subset == "gsm8k" or i > 2
    row |= {"final_answer_correct": not wrong, "prm": [0.9, 0.1 if wrong == hit else 0.8]}
    return row | fields


def pool(with_id, with_split, counts=(4, 8, 8, 8)):
    return {
        subset: [
            processbench_row(
                subset,
                i,
                **({"id": f"{subset}-{i}"} if with_id else {}),
                **({"split": subset} if with_split else {}),
            )
            for i in range(count)
        ]
        for subset, count in zip(SUBSETS, counts)
    }


@pytest.fixture
def right(tmp_path):
    rows = [row for part in pool(True, True).values() for row in part]
    write_jsonl(tmp_path / "whole.jsonl", rows)
    return replayed(tmp_path / "whole.jsonl")


def replayed(path, threshold="gsm8k"):
    given = dict(scores_key="prm", threshold=threshold, n_boot=5)
    return evaluate_file("processbench", path, **given)


@pytest.mark.parametrize("layout", ["ids in one file", "arrays", "parquet", "glob of parquet"])
def test_processbench_as_published_is_the_mean_over_its_subsets(tmp_path, right, layout):
    import pyarrow
    from pyarrow import parquet

    folder = tmp_path / "processbench"
    folder.mkdir()
    path = folder
    if layout == "ids in one file":
        path = folder / "rows.jsonl"
        write_jsonl(path, [row for part in pool(True, False).values() for row in part])
    for subset, rows in pool(False, False).items() if layout != "ids in one file" else ():
        if layout == "arrays":
            (folder / f"{subset}.json").write_text(json.dumps(rows))
        else:
            name = f"{subset}-00000-of-00001.parquet"
            parquet.write_table(pyarrow.Table.from_pylist(rows), folder / name)
    path = f"{folder}/*.parquet" if layout == "glob of parquet" else path
    found = replayed(path)
    assert list(found["subsets"]) == list(SUBSETS) and found["remarks"] == []
    assert found["metrics"] == right["metrics"] and found["threshold"] == right["threshold"]
    pooled = [row for part in pool(False, False).values() for row in part]
    write_jsonl(tmp_path / "pooled.jsonl", pooled)
    of_pool = replayed(tmp_path / "pooled.jsonl", right["threshold"]["value"])
    assert of_pool["metrics"]["f1"]["value"] != pytest.approx(right["metrics"]["f1"]["value"])
    assert of_pool["counts"]["without_subset"] == 28
    assert any("pooled.jsonl:1, pooled.jsonl:2" in remark for remark in of_pool["remarks"])


@pytest.mark.parametrize(
    ("file", "name", "subset", "said"),
    [
        ("gsm8k.json", "math-3", "math", "named after gsm8k"),
        ("rows.jsonl", "omni-math-3", "omnimath", None),
        ("OlympiadBench_test.jsonl.gz", None, "olympiadbench", None),
        ("math/test.json", None, "math", "name of their directory"),
        ("gsm8k_and_math.json", None, None, "names a subset"),
        ("rows.jsonl", "3", None, "names a subset"),
    ],
)
def test_the_subset_comes_from_the_id_else_the_file_and_doubts_are_said(file, name, subset, said):
    module = formats.FORMATS["processbench"]
    where = Where(file, 1)
    (found,) = module.read(processbench_row("x", 0, id=name), where)
    assert found.source == subset
    remark = module.remark(found, where)
    assert remark is None if said is None else said in remark


def test_evaluation_goes_on_after_bad_rows_and_joins_the_scores_of_the_rest(tmp_path):
    path = tmp_path / "in.jsonl"
    write_jsonl(path, [row("p"), row("q", steps=[]), row("r"), row("s", labels=[None, 1])])
    scores = write_scores(tmp_path / "s.jsonl", [f"in.jsonl:{i}" for i in (1, 3, 4)])
    with pytest.raises(InputError, match="in.jsonl:2: .*skip_bad"):
        evaluate_file("steps", path, scores=scores)
    result = evaluate_file("steps", path, scores=scores, skip_bad=Rejects(""), n_boot=5)
    assert result["counts"]["solutions"] == 3 and result["run"]["rows_refused"] == 1
    # What the task cannot use is refused too: here where the first error is, is not known.
    rejects = Rejects("")
    found = evaluate_file("processbench", path, scores=scores, skip_bad=rejects, n_boot=5)
    assert found["counts"]["solutions"] == 2 and len(rejects.rows) == 2
    # Rows that were skipped on one side only.
    write_scores(scores, ["in.jsonl:1", "in.jsonl:2", "in.jsonl:4"])
    result = evaluate_file("steps", path, scores=scores, skip_bad=Rejects(""), n_boot=5)
    assert result["counts"]["solutions"] == 2 and result["run"]["rows_without_scores"] == 1
    assert any("have no line" in remark for remark in result["remarks"])
    write_scores(scores, ["x", "y", "in.jsonl:1"])
    with pytest.raises(InputError, match="'x' is not in the input"):
        evaluate_file("steps", path, scores=scores, skip_bad=Rejects(""))


def test_a_figure_that_is_null_says_why(tmp_path):
    path = tmp_path / "in.jsonl"
    right = {"labels": [1, 1], "first_error": -1, "prm": [0.5, 0.9], "source": "s"}
    write_jsonl(path, [row("p", **right), row("q", **right)])
    found = evaluate_file("processbench", path, scores_key="prm", n_boot=5)
    assert found["metrics"]["f1"]["value"] is None
    assert "s has 0 with and 2 without" in found["undefined"]["f1"]
    assert "wrong" in found["undefined"]["subsets.s.accuracy_error"]
    found = evaluate_file("steps", path, scores_key="prm", n_boot=5)
    assert found["metrics"]["auroc"]["value"] is None
    assert found["undefined"] == {"auroc": "every labelled step with a score is right"}


def test_ids_that_are_there_twice_are_said(tmp_path, caplog):
    write_jsonl(tmp_path / "in.jsonl", [row("p", id="0"), row("q", id="0"), row("r", id="1")])
    assert [t.id for t in read_identified(tmp_path / "in.jsonl")] == ["0", "0", "1"]
    assert "1 of 3 solutions have an id that another has, the first in in.jsonl:2" in caplog.text
