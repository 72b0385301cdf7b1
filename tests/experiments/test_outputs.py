"""No command replaces what it reads, what is no file, or what is none of its own."""

import json
import os
import shutil
import stat
import threading
from pathlib import Path

import pytest

from prm_jax import outputs
from prm_jax.locks import held

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS = [
    {"id": "a", "problem": "1+2", "steps": ["1+2=4", "so 4"], "first_error": 0},
    {"id": "b", "problem": "1+3", "steps": ["1+3=4", "so 4"], "labels": [1, 1]},
]
SCORES = [
    {"id": "a", "step_scores": [0.25, 0.75], "score": 0.25},
    {"id": "b", "step_scores": [0.5, 0.75], "score": 0.5},
]


@pytest.fixture
def given(tmp_path):
    """Input files, and flags of every command that reads them; `OUT` is to be replaced."""
    for name, rows in (("in.jsonl", SOLUTIONS), ("scores.jsonl", SCORES)):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    source, scores = tmp_path / "in.jsonl", tmp_path / "scores.jsonl"
    return tmp_path, {
        "change_steps": ["--change=reversed", f"--input={source}", "--output=OUT"],
        "convert": [f"--input={source}", "--to=prm_jax", "--output=OUT"],
        "describe": [f"--data={source}", "--output=OUT"],
        "evaluate": ["--task=steps", f"--input={source}", f"--scores={scores}", "--output=OUT"],
        "leakage": [f"--data={source}", f"--against={source}", "--output=OUT"],
        "report": [f"--input={source}", f"--scores={scores}", "--output=OUT"],
        "score": ["--model=nowhere", f"--input={source}", "--output=OUT"],
        "calibrate": [
            "--model=nowhere",
            f"--calibration={source}",
            f"--input={scores}",
            "--output=OUT",
        ],
        "make_data": [f"--gsm8k={source}", "--output=OUT"],
        "revote": [f"--input={source}", "--output=OUT"],
    }


def flags(command, given, output):
    return [flag.replace("OUT", str(output)) for flag in given[1][command]]


COMMANDS = (
    "change_steps convert describe evaluate leakage report score calibrate make_data revote"
).split()


@pytest.mark.parametrize("name", COMMANDS)
def test_an_output_that_is_an_input_is_refused_also_through_links(command, given, name):
    folder, _ = given
    source = folder / "in.jsonl"
    before = source.read_bytes()
    (folder / "soft.jsonl").symlink_to(source)
    os.link(source, folder / "hard.jsonl")
    for output in (source, folder / "soft.jsonl", folder / "hard.jsonl", folder / ".." / source):
        ended = command(name, *flags(name, given, output))
        assert ended.code == 2 and ended.err.count("\n") == 1, ended.err
        assert "would replace" in ended.err and "reads" in ended.err, ended.err
    assert source.read_bytes() == before and (folder / "soft.jsonl").is_symlink()


def test_a_second_input_a_directory_and_a_pattern_count_as_well(command, given):
    folder, _ = given
    for output, arguments in (
        ("scores.jsonl", flags("evaluate", given, folder / "scores.jsonl")),
        ("in.jsonl", [f"--data={folder}", f"--output={folder}/in.jsonl"]),
        ("in.jsonl", [f"--data={folder}/*.jsonl?format=prm_jax", f"--output={folder}/in.jsonl"]),
        ("in.jsonl", [f"--data=x,{folder}/in.jsonl", f"--output={folder}/in.jsonl"]),
    ):
        before = (folder / output).read_bytes()
        name = "evaluate" if output == "scores.jsonl" else "describe"
        ended = command(name, *arguments)
        assert ended.code == 2 and "would replace" in ended.err
        assert (folder / output).read_bytes() == before


def test_files_of_the_model_are_inputs_and_scores_in_its_workdir_are_not(
    command, given, model_directory
):
    folder, _ = given
    source = folder / "in.jsonl"
    for name in ("config.json", "model.safetensors", "prm_jax.json", "tokenizer.json"):
        before = (model_directory / name).read_bytes()
        output = f"--output={model_directory / name}"
        ended = command("score", f"--model={model_directory}", f"--input={source}", output)
        assert ended.code == 2 and "which --model reads" in ended.err
        assert (model_directory / name).read_bytes() == before
    output = model_directory / "scores.jsonl"
    for _ in range(2):
        ended = command(
            "score", f"--model={model_directory}", f"--input={source}", "--output", output
        )
        assert ended.code is None or ended.code == 0, ended.err
    output.unlink()
    (model_directory / "scores.jsonl.meta.json").unlink()


def test_a_configuration_with_a_name_is_an_input_and_a_cache_is_not(command, given):
    folder, _ = given
    config = folder / "selective.py"
    shutil.copy(ROOT / "configs" / "selective.py", config)
    before = config.read_bytes()
    arguments = [
        f"--config={config}:best_of_n",
        f"--input={folder}/in.jsonl",
        "--reference=nowhere",
    ]
    ended = command("select", *arguments, f"--output={config}")
    assert ended.code == 2 and "which --config reads" in ended.err
    assert config.read_bytes() == before
    earlier = folder / "cache" / "judged.jsonl"
    earlier.parent.mkdir()
    earlier.touch()
    arguments = [*flags("calibrate", given, earlier), f"--cache={earlier.parent}"]
    ended = command("calibrate", *arguments)  # its input holds scores, and so it ends there
    assert ended.code == 2 and "fits no known format" in ended.err, ended.err


def test_two_outputs_in_one_place_are_refused(command, given):
    folder, _ = given
    both = [f"--report={folder}/out.jsonl"]
    ended = command("calibrate", *flags("calibrate", given, folder / "out.jsonl"), *both)
    assert ended.code == 2 and "is written by --output already" in ended.err
    both = [f"--report={folder}/out.jsonl.meta.json"]
    ended = command("calibrate", *flags("calibrate", given, folder / "out.jsonl"), *both)
    assert ended.code == 2 and "is written by --output already" in ended.err


@pytest.mark.parametrize(
    ("name", "ending"),
    [("score", ".partial"), ("score", ".meta.json"), ("calibrate", ".meta.json")]
    + [("convert", ".report.json"), ("evaluate", ".rejects.jsonl")],
)
@pytest.mark.parametrize("content", ["my notes\n", '{"mine": 1}\n', '{"a": 1}\n{"b": 2}\n'])
def test_a_file_beside_the_output_that_is_none_of_ours_stays(command, given, name, ending, content):
    folder, _ = given
    foreign = folder / f"out.jsonl{ending}"
    foreign.write_text(content)
    more = ["--skip_bad"] if ending == ".rejects.jsonl" else []
    ended = command(name, *flags(name, given, folder / "out.jsonl"), *more)
    assert ended.code == 2 and "none of ours" in ended.err and ended.err.count("\n") == 1
    assert foreign.read_text() == content and not (folder / "out.jsonl").exists()


def test_the_same_command_replaces_what_it_wrote(command, given):
    folder, _ = given
    for name in ("convert", "evaluate", "report", "describe"):
        output = folder / f"{name}.out"
        for _ in range(2):
            ended = command(name, *flags(name, given, output))
            assert not ended.code, ended.err
        assert output.stat().st_size
    assert not [path for path in folder.iterdir() if path.name.endswith(".lock")]


@pytest.mark.parametrize("name", ["convert", "describe", "evaluate", "report"])
def test_a_pipe_is_written_to_and_stays_a_pipe(command, given, name):
    folder, _ = given
    pipe, read = folder / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    ended = command(name, *flags(name, given, pipe))
    reader.join(20)
    assert not ended.code, ended.err
    assert stat.S_ISFIFO(pipe.stat().st_mode) and len(read[0]) > 50
    assert not list(folder.glob("pipe.*"))


def test_the_null_device_stays_one(command, given):
    for name in ("convert", "evaluate", "describe"):
        ended = command(name, *flags(name, given, os.devnull))
        assert not ended.code, ended.err
        assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    assert not os.path.exists(f"{os.devnull}.report.json")


def test_a_link_is_followed_and_stays(command, given):
    folder, _ = given
    (folder / "there").mkdir()
    for target in (folder / "there" / "old.json", folder / "there" / "new.json"):
        link = folder / f"link-{target.stem}"
        link.symlink_to(target)
        if target.stem == "old":
            target.write_text("old")
        ended = command("describe", *flags("describe", given, link))
        assert not ended.code, ended.err
        assert link.is_symlink() and "sources" in json.loads(target.read_text())


def test_another_process_on_the_same_output_is_named(command, given):
    folder, _ = given
    with held(folder / "out.json"):
        for name in ("describe", "evaluate", "report", "convert", "score"):
            ended = command(name, *flags(name, given, folder / "out.json"))
            assert ended.code == 2 and f"process {os.getpid()} on" in ended.err, ended.err


def test_an_export_does_not_replace_what_it_reads(command, model_directory):
    before = sorted(path.name for path in model_directory.iterdir())
    for output in (model_directory, model_directory / ".." / model_directory.name):
        ended = command("export", f"--model={model_directory}", f"--output={output}")
        assert ended.code == 2 and "would replace what --model reads" in ended.err
    assert sorted(path.name for path in model_directory.iterdir()) == before


def test_an_estimator_does_not_replace_a_model(command, given, model_directory):
    folder, _ = given
    before = (model_directory / "model.safetensors").read_bytes()
    arguments = flags("calibrate", given, folder / "out.jsonl")
    arguments[0] = f"--model={model_directory}"
    ended = command("calibrate", *arguments, f"--sdm={model_directory}")
    assert ended.code == 2 and "holds something else than an estimator" in ended.err
    assert (model_directory / "model.safetensors").read_bytes() == before


OWN = {
    "train": ("configs/tiny.py", "config.json", {"objective": "bce", "optimizer": {}}),
    "study": ("configs/smollm2_135m_mix.py", "results.json", None),
    "demo": ("configs/demo.py", "report.html", None),
    "train_mixture": ("configs/dmoerm.py", "model.safetensors", None),
    "train_uncertainty_head": ("configs/uncertainty_head.py", "model.safetensors", None),
}


@pytest.mark.parametrize("name", OWN)
def test_a_workdir_of_somebody_else_is_refused(command, tmp_path, name):
    config, file, ours = OWN[name]
    (tmp_path / "run").mkdir()
    foreign = tmp_path / "run" / file
    foreign.write_text('{"model_type": "llama"}')
    (tmp_path / "run" / "notes.txt").write_text("mine")
    result = command(name, f"--config={ROOT / config}", f"--workdir={tmp_path}/run")
    assert result.code == 2 and result.err.count("\n") == 1
    assert f"{foreign}: field 'workdir': is in the place of what this command" in result.err
    assert foreign.read_text() == '{"model_type": "llama"}'
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == sorted([file, "notes.txt"])


def test_a_workdir_is_ours_by_its_record_or_with_nothing_in_our_places(tmp_path):
    for records, written in outputs.WORKDIRS.values():
        run = tmp_path / "run"
        run.mkdir()
        (run / "data.jsonl").write_text("of the user")
        outputs.refuse_workdir(run, records, written)
        (run / written[-1]).write_text("left by a run")
        for name, keys in records.items():
            (run / name).write_text(json.dumps(dict.fromkeys(keys, 1)))
            outputs.refuse_workdir(run, records, written)
            (run / name).unlink()
        shutil.rmtree(run)


def test_directories_of_a_command_are_apart_and_one_estimator_has_one_writer(command, given):
    place, flags_of = given
    to = [flag.replace("OUT", f"{place}/new") for flag in flags_of["calibrate"]]
    for more in ([f"--sdm={place}/d", f"--cache={place}/d"], [f"--sdm={place}/new"]):
        assert "is written by --" in command("calibrate", *to, *more).err
    with held(place / "sdm"):
        assert "is being written by process" in command("calibrate", *to, f"--sdm={place}/sdm").err


def test_a_data_set_is_not_built_within_what_it_is_made_from(command, tmp_path):
    (tmp_path / "published").mkdir()
    for output in ("published", "published/built"):
        flags = [f"--manual_dir={tmp_path}/published", f"--output={tmp_path}/{output}"]
        result = command("build_dataset", "--dataset=prmbench", *flags)
        assert result.code == 2 and "lies in what --manual_dir reads" in result.err
    assert not list((tmp_path / "published").iterdir())


def test_a_document_is_no_input_of_its_command(command, tmp_path):
    (tmp_path / "load.json").write_text("{}")
    flags = [f"--loading={tmp_path}/load.json", f"--document_path={tmp_path}/load.json"]
    result = command("lower", "--document", *flags, f"--output={tmp_path}/rows.json")
    assert result.code == 2 and "which --loading reads" in result.err
    assert (tmp_path / "load.json").read_text() == "{}"


def test_a_link_to_itself_is_no_place_for_an_output(command, given):
    place, _ = given
    (place / "loop").symlink_to(place / "loop")
    result = command("describe", *flags("describe", given, place / "loop"))
    assert result.code == 2 and result.err.count("\n") == 1 and "cannot be written" in result.err
    assert (place / "loop").is_symlink()
