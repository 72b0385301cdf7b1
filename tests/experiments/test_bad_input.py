"""Whatever a user gets wrong: exit code 2, one line that says what and where, and no file left."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = b'{"problem": "1+2", "steps": ["1+2=3", "so 3"], "labels": [1, 1], "outcome": 1}\n'
SCORED = {"id": "good.jsonl:1", "step_scores": [0.5, 0.75], "step_logits": [0.0, 1.1], "score": 0.5}


def row(**fields):
    return GOOD + json.dumps({"problem": "p", "steps": ["a", "b"]} | fields).encode()


# name: (file, line, field, words of the message)
BAD_FILES = {
    "malformed": (GOOD + b'{"problem": "p", "steps": ["a"', 2, None, "not JSON"),
    "not an object": (GOOD + b"[1, 2]", 2, None, "must be an object"),
    "no steps": (GOOD + b'{"problem": "p"}', 2, "steps", "is missing"),
    "no problem": (GOOD + b'{"steps": ["a"]}', 2, "problem", "is missing"),
    "steps are a text": (row(steps="a"), 2, "steps", "must be a list of strings"),
    "a step is a number": (row(steps=["a", 3]), 2, "steps[1]", "must be a string"),
    "a problem is a number": (row(problem=3), 2, "problem", "must be a string"),
    "empty steps": (row(steps=[]), 2, "steps", "is empty"),
    "too many labels": (row(labels=[1, 1, 0]), 2, "labels", "3 entries for 2 steps"),
    "labels are a number": (row(labels=1), 2, "labels", "must be a list"),
    "a label is a text": (row(labels=["1", 0]), 2, "labels[0]", "must be a number"),
    "an infinite label": (row(labels=[1, float("inf")]), 2, "labels[1]", "inf is no number"),
    "first error beyond": (row(first_error=2), 2, "first_error", "not a step of 2"),
    "an outcome of 2": (row(outcome=2), 2, "outcome", "must be 0, 1 or null"),
    "not UTF-8": (GOOD + b'{"problem": "\xff"}', 2, None, "is not UTF-8"),
    "empty": (b"", None, None, "the file is empty"),
    "unknown fields": (b'{"text": "p"}', 1, None, "fits no known format"),
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory to run in, in which nothing may appear."""
    monkeypatch.delenv("PRM_JAX_DEBUG", raising=False)
    (tmp_path / "good.jsonl").write_bytes(GOOD)
    (tmp_path / "scores.jsonl").write_text(json.dumps(SCORED) + "\n")
    return tmp_path


def contents(directory):
    return sorted(str(path) for path in directory.rglob("*"))


def assert_refused(result, *words):
    assert result.code == 2, result.err
    assert re.fullmatch(r"error: [^\n]+\n", result.err), result.err
    for word in words:
        assert word in result.err, (word, result.err)
    assert result.out == ""


def flags_of(name, place, source, model):
    """The command line of a command that reads `source`."""
    return {
        "train": [
            f"--config={ROOT}/configs/tiny.py",
            f"--workdir={place}/run",
            f"--config.data.train={source}",
        ],
        "score": [f"--model={model}", f"--input={source}", f"--output={place}/new/out.jsonl"],
        "evaluate": [
            *("--task=steps", f"--input={source}", f"--scores={place}/scores.jsonl"),
            f"--output={place}/new/out.json",
        ],
        "report": [
            *(f"--input={source}", f"--scores={place}/scores.jsonl"),
            f"--output={place}/new/out.html",
        ],
    }[name]


@pytest.mark.parametrize("name", ["train", "score", "evaluate", "report"])
@pytest.mark.parametrize("bad", BAD_FILES)
def test_a_bad_row_is_named_by_file_line_and_field_with_a_remedy(
    command, place, model_directory, name, bad
):
    content, line, field, words = BAD_FILES[bad]
    source = place / "in.jsonl"
    source.write_bytes(content)
    before = contents(place)
    result = command(name, *flags_of(name, place, source, model_directory))
    where = f"{source}:" + ("" if line is None else f"{line}:")
    assert_refused(result, where, *([] if field is None else [f"field '{field}'"]), words)
    assert "; " in result.err  # the remedy
    assert contents(place) == before


@pytest.mark.parametrize("name", ["train", "score", "evaluate"])
def test_who_can_leave_bad_rows_out_is_told_so(command, place, model_directory, name):
    source = place / "in.jsonl"
    source.write_bytes(BAD_FILES["no steps"][0])
    result = command(name, *flags_of(name, place, source, model_directory))
    assert re.search(r", or leave such rows out with (data\.)?skip_bad$", result.err.strip())


def damaged(kind, place, good):
    """A model that cannot be loaded, and the file to blame."""
    directory = place / "model"
    if kind == "truncated GGUF":
        path = place / "model.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_block_count(2)
        writer.add_tensor("token_embd.weight", np.zeros((256, 64), np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        path.write_bytes(path.read_bytes()[:-1000])
        return path, path
    if kind == "an empty directory":
        directory.mkdir()
        return directory, directory
    shutil.copytree(good, directory)
    weights = directory / "model.safetensors"
    if kind == "no weights":
        weights.unlink()
        return directory, directory
    if kind == "no configuration":
        (directory / "config.json").unlink()
        return directory, directory / "config.json"
    if kind == "a truncated configuration":
        path = directory / "config.json"
        path.write_bytes(path.read_bytes()[:-10])
        return directory, path
    if kind == "no tokenizer":
        (directory / "tokenizer.json").unlink()
        return directory, directory
    weights.write_bytes(weights.read_bytes()[:-1000])
    return directory, weights


@pytest.mark.parametrize("name", ["train", "score"])
@pytest.mark.parametrize(
    "kind",
    [
        "an empty directory",
        "no weights",
        "no configuration",
        "a truncated configuration",
        "no tokenizer",
        "truncated safetensors",
        "truncated GGUF",
        "nothing of that name",
    ],
)
def test_a_model_that_cannot_be_loaded_is_named_with_a_remedy(
    command, place, model_directory, name, kind
):
    model, blamed = "nothing", "'nothing'"
    if kind != "nothing of that name":
        model, blamed = damaged(kind, place, model_directory)
    before = contents(place)
    flags = flags_of(name, place, place / "good.jsonl", model)
    if name == "train":
        flags.append(f"--config.model.name={model}")
    result = command(name, *flags)
    assert_refused(result, str(blamed), "; ")
    assert contents(place) == before


@pytest.mark.parametrize(
    ("name", "flags", "words"),
    [
        ("train", ["--config.data.rwos=4"], ["rwos"]),
        ("train", ["--config.steps=many"], ["config.steps", "many"]),
        ("train", ["--config.data.skip_bad=perhaps"], ["config.data.skip_bad"]),
        ("train", ["--config=nowhere.py"], ["nowhere.py"]),
        ("train", ["--config.mesh.tensor=3"], ["does not fit 8 devices", "; "]),
        ("train", ["--config.mesh.sequence=8", "--config.data.row_length=516"], ["516", "; "]),
        ("train", ["--config.objective=hinge"], ["hinge", "; "]),
        ("train", ["--config.model.name=random:tiny-gpt"], ["tiny-gpt", "; "]),
        ("train", ["--config.data.format=csv"], ["unknown format 'csv'", "; "]),
        ("train", ["--config.data.after_error=forget"], ["'forget'", "; "]),
        ("train", ["--config.data.convention=mine"], ["'mine'", "; "]),
        ("train", ["surplus"], ["'surplus'", "; "]),
        ("score", ["--fsdp=3"], ["does not fit 8 devices", "; "]),
        ("score", ["--scorer=oracle"], ["field 'scorer'", "'oracle'", "; "]),
        ("score", ["--aggregation=median"], ["'median'", "; "]),
        ("score", ["--convention=mine"], ["'mine'", "; "]),
        ("score", ["--format=csv"], ["unknown format 'csv'", "; "]),
        ("score", ["--dtype=float8"], ["dtype"]),
        ("score", ["--max_length=0"], ["max_length"]),
        ("score", ["--modle=x"], ["modle"]),
        ("score", ["--output="], ["is a directory", "; "]),
        ("score", ["--output=GOOD/out.jsonl"], ["good.jsonl/out.jsonl: cannot be written", "; "]),
        ("train", ["--workdir=GOOD"], ["good.jsonl/config.json: cannot be written", "; "]),
        ("train", ["--workdir=GOOD/run"], ["good.jsonl/run/config.json: cannot be", "; "]),
        ("evaluate", ["--output=."], ["is a directory", "; "]),
        ("report", ["--output=GOOD/out.html"], ["cannot be written", "; "]),
        ("evaluate", ["--task=f1"], ["field 'task'", "'f1'", "; "]),
        ("evaluate", ["--task=best_of_n", "--aggregation=median"], ["'median'", "; "]),
        ("evaluate", ["--task=best_of_n", "--n=two"], ["field 'n'", "'two'"]),
        ("evaluate", ["--threshold=0.x"], ["field 'threshold'", "'0.x'"]),
        ("evaluate", ["--n=4"], ["field 'n'", "; "]),
        ("evaluate", ["--scores_key=prm"], ["either scores or scores_key"]),
        ("evaluate", ["--scores=nowhere.jsonl"], ["nowhere.jsonl", "; "]),
        ("evaluate", ["--subsample=all"], ["subsample"]),
        ("report", ["--scores=nowhere.jsonl"], ["nowhere.jsonl", "; "]),
        ("report", ["--threshold=2"], ["threshold"]),
        ("report", ["--solutions=0"], ["solutions"]),
    ],
)
def test_a_wrong_option_is_named(command, place, model_directory, name, flags, words):
    flags = [flag.replace("GOOD", f"{place}/good.jsonl") for flag in flags]
    before = contents(place)
    result = command(name, *flags_of(name, place, place / "good.jsonl", model_directory), *flags)
    assert_refused(result, *words)
    assert contents(place) == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--families=sudoku"], ["'sudoku'", "; "]),
        (["--kinds=typo"], ["typo", "; "]),
        (["--split=dev"], ["split"]),
        (["--n=0"], ["n="]),
        (["--difficulty=9"], ["difficulty", "9"]),
        (["--error_rate=1.5"], ["error_rate", "1.5"]),
        (["--accuracy=0.3"], ["field 'accuracy'", "without --candidates"]),
        (["--candidates=2", "--error_rate=0.3"], ["field 'error_rate'", "with --candidates"]),
        (["--output="], ["is a directory", "; "]),
        (["--output=GOOD/out.jsonl"], ["cannot be written", "; "]),
    ],
)
def test_problems_that_cannot_be_made_or_written_are_refused(command, place, flags, words):
    flags = [flag.replace("GOOD", f"{place}/good.jsonl") for flag in flags]
    before = contents(place)
    result = command("make_data", "--n=4", f"--output={place}/new/out.jsonl", *flags)
    assert_refused(result, *words)
    assert contents(place) == before


@pytest.mark.parametrize("name", ["evaluate", "report"])
@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("{broken", 1, "not JSON"),
        ("", None, "the file is empty"),
        (json.dumps({"id": "good.jsonl:1"}), 1, "field 'step_scores'"),
        (json.dumps(SCORED | {"id": "good.jsonl:2"}), 1, "field 'id'"),
        (json.dumps(SCORED | {"step_scores": [0.5]}), 1, "field 'step_scores'"),
        (json.dumps(SCORED | {"step_scores": [0.5, 1.5]}), 1, "field 'step_scores[1]'"),
        (json.dumps(SCORED | {"step_scores": [0.5, float("nan")]}), 1, "field 'step_scores[1]'"),
        ("\n".join(2 * [json.dumps(SCORED)]), 2, "appears again"),
    ],
)
def test_scores_that_do_not_fit_are_named_by_line(command, place, name, content, line, words):
    scores = place / "scores.jsonl"
    scores.write_text(content)
    before = contents(place)
    result = command(name, *flags_of(name, place, place / "good.jsonl", None))
    where = f"{scores}:" + ("" if line is None else f"{line}:")
    assert_refused(result, where, words, "; ")
    assert contents(place) == before


def test_scoring_goes_on_after_bad_rows_when_told_so(command, place, model_directory):
    source, output = place / "in.jsonl", place / "out.jsonl"
    source.write_bytes(b"{broken\n" + BAD_FILES["empty steps"][0] + b"\n" + GOOD)
    result = command(
        *("score", f"--model={model_directory}", f"--input={source}", f"--output={output}"),
        "--skip_bad",
    )
    assert result.code == 0, result.err
    assert result.out == f"{output}: 2 rows, 0 truncated, 2 rejected\n"
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert [line["id"] for line in lines] == ["in.jsonl:2", "in.jsonl:4"]
    assert all(0 <= score <= 1 for line in lines for score in line["step_scores"])
    rejects = [json.loads(r) for r in (place / "out.jsonl.rejects.jsonl").read_text().splitlines()]
    assert [(reject["file"], reject["line"]) for reject in rejects] == [
        (str(source), n) for n in (1, 3)
    ]
    assert "not JSON" in rejects[0]["error"] and "field 'steps': is empty" in rejects[1]["error"]
    assert rejects[0]["row"] == "{broken"
    assert not list(place.glob("*.partial")) and not list(place.glob(".*"))
    # Without bad rows the file of rejects, which would no longer be true, goes.
    source.write_bytes(GOOD)
    again = command(
        *("score", f"--model={model_directory}", f"--input={source}", f"--output={output}"),
        "--skip_bad",
    )
    assert again.code == 0, again.err
    assert not (place / "out.jsonl.rejects.jsonl").exists()


@pytest.mark.parametrize("name", ["score", "evaluate"])
def test_a_process_of_its_own_prints_the_same_one_line(command, place, model_directory, name):
    source = place / "in.jsonl"
    source.write_bytes(BAD_FILES["no steps"][0])
    flags = flags_of(name, place, source, model_directory)
    done = subprocess.run(
        [sys.executable, "-m", f"experiments.{name}", *flags],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    result = command(name, *flags)
    assert (done.returncode, done.stdout, done.stderr) == (result.code, result.out, result.err)
    assert_refused(result, "in.jsonl:2: field 'steps'")


def test_a_configuration_file_that_is_not_there_is_named(command, place):
    result = command("train", "--config=nowhere.py", f"--workdir={place}/run")
    assert_refused(result, "field 'config'", "nowhere.py", "; ")
    assert not (place / "run").exists()
