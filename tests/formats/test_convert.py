"""Conversion: what a format can say comes back, what it cannot is in the report."""

import json
import subprocess
import sys

import pytest

from prm_jax import formats
from prm_jax.errors import InputError
from prm_jax.formats.convert import convert
from prm_jax.records import Trajectory, read_jsonl

WRITABLE = sorted(name for name, module in formats.FORMATS.items() if hasattr(module, "write"))
HARD = {
    "problem": "Is it so?",
    "steps": ["Step 1: a", "Step 2: b"],
    "labels": [1, 0],
    "first_error": 1,
    "outcome": 0,
}
SOFT = {"problem": "p?", "steps": ["a", "b"], "labels": [0.75, 0.25], "id": "soft"}


def jsonl(tmp_path, *rows):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def counts(account):
    return {reason: entry["count"] for reason, entry in account.items()}


@pytest.mark.parametrize("name", WRITABLE)
def test_there_and_back_keeps_problem_steps_and_labels(tmp_path, name):
    there, back = tmp_path / "there.jsonl", tmp_path / "back.jsonl"
    convert(jsonl(tmp_path, HARD, HARD), there, to=name)
    convert(there, back, to="prm_jax", format=name)
    for found in formats.read(back, "prm_jax"):
        assert found.problem == "Is it so?" and found.step_labels() == (1.0, 0.0)
        assert [step[-1] for step in found.steps] == ["a", "b"]


@pytest.mark.parametrize("name", WRITABLE)
def test_fields_that_do_not_come_back_are_those_that_the_report_names(tmp_path, name):
    full = {**HARD, "id": "i", "group": "g", "source": "s", "answer": "1", "gold": "2"}
    report = convert(jsonl(tmp_path, {**full, "meta": {"k": 1}}), tmp_path / "o.jsonl", to=name)
    (found,) = formats.read(tmp_path / "o.jsonl", name)
    named = {reason.partition(":")[0] for reason in report["lost"]}
    lost = {field for field, value in full.items() if found.to_dict().get(field) != value}
    if found.step_labels() == (1.0, 0.0):
        lost -= {"labels", "first_error"}  # each says the other
    lost |= set() if found.meta.get("k") == 1 else {"meta.k"}
    assert named == lost


@pytest.mark.parametrize("name", ["math_shepherd", "rlhflow"])
def test_soft_labels_into_signs_are_reported_as_rounded(tmp_path, name):
    row = {**SOFT, "steps": ["Step 1: a", "Step 2: b"]}
    report = convert(jsonl(tmp_path, row), tmp_path / "o.jsonl", to=name)
    assert report["lost"]["labels: soft labels are rounded"] == {"count": 1, "examples": ["soft"]}


@pytest.mark.parametrize(
    "name", ["trl", "math_aps", "qwen_prm", "skywork", "reasonflux", "prm_jax"]
)
def test_soft_labels_survive_where_the_format_has_numbers(tmp_path, name):
    report = convert(jsonl(tmp_path, SOFT), tmp_path / "o.jsonl", to=name)
    assert not any(reason.startswith("labels") for reason in report["lost"])
    (found,) = formats.read(tmp_path / "o.jsonl", name)
    assert found.labels == (0.75, 0.25)


def test_labels_after_the_first_error_are_reported_where_they_cannot_be_said(tmp_path):
    row = {**HARD, "steps": ["a", "b", "c"], "labels": [1, 0, 1]}
    for name in ("processbench", "big_bench_mistake"):
        report = convert(jsonl(tmp_path, row), tmp_path / "o.jsonl", to=name)
        assert "labels: not kept (such as those after the first error)" in report["lost"]


def test_an_error_that_only_part_of_the_labels_would_show_is_reported_as_lost(tmp_path):
    row = {**HARD, "labels": [None, 0], "id": "i"}
    report = convert(jsonl(tmp_path, row), tmp_path / "o.jsonl", to="trl")
    assert counts(report["lost"])["first_error: not kept"] == 1
    report = convert(jsonl(tmp_path, HARD), tmp_path / "o.jsonl", to="trl")
    assert "first_error: not kept" not in report["lost"]


def test_names_of_lost_fields_keep_their_numbers(tmp_path):
    row = {**HARD, "Some-PRM-7B": [0.5]}
    report = convert(jsonl(tmp_path, row), tmp_path / "o.jsonl", to="trl")
    assert "meta.Some-PRM-7B: not kept" in report["lost"]


def test_what_the_target_cannot_hold_is_an_error_or_left_out_and_reported(tmp_path):
    unlabelled = {"problem": "p", "steps": ["a"], "id": "bare"}
    path, output = jsonl(tmp_path, HARD, unlabelled), tmp_path / "o.jsonl"
    with pytest.raises(InputError, match="in.jsonl:2: .*need a label at every step"):
        convert(path, output, to="math_shepherd")
    assert [file.name for file in tmp_path.iterdir()] == ["in.jsonl"]
    report = convert(path, output, to="math_shepherd", skip_bad=True)
    assert (report["trajectories_read"], report["rows_written"]) == (2, 1)
    ((_, entry),) = report["left_out"].items()
    assert entry == {"count": 1, "examples": ["bare"]}
    with pytest.raises(InputError, match="nothing to write"):
        convert(jsonl(tmp_path, unlabelled), output, to="math_shepherd", skip_bad=True)


def test_refused_rows_are_counted_by_reason_and_set_aside(tmp_path):
    bad = [{**HARD, "first_error": number} for number in (7, 8)]
    path, output = jsonl(tmp_path, bad[0], HARD, bad[1]), tmp_path / "o.jsonl"
    report = convert(path, output, to="trl", skip_bad=True)
    ((reason, entry),) = report["refused"].items()
    assert "N is not a step of N" in reason
    assert entry == {"count": 2, "examples": ["in.jsonl:1", "in.jsonl:3"]}
    assert len(list(read_jsonl(f"{output}.rejects.jsonl"))) == 2
    assert json.loads((tmp_path / "o.jsonl.report.json").read_text()) == report
    assert (report["rows_read"], report["from"], report["to"]) == (1, "prm_jax", "trl")


def test_the_input_is_never_overwritten(tmp_path):
    path = jsonl(tmp_path, HARD)
    before = path.read_text()
    with pytest.raises(InputError, match="also the input"):
        convert(path, path, to="trl")
    assert path.read_text() == before


def test_reader_options_reach_the_reader(tmp_path):
    three = {**HARD, "steps": ["a", "b", "c"], "labels": [1, 0, 1]}
    for policy, labels in (("keep", (1.0, 0.0, 1.0)), ("truncate", (1.0, 0.0))):
        convert(jsonl(tmp_path, three), tmp_path / "o.jsonl", to="trl", after_error=policy)
        assert formats.read(tmp_path / "o.jsonl")[0].labels == labels
    with pytest.raises(InputError, match="no option 'neutral'"):
        convert(jsonl(tmp_path, HARD), tmp_path / "n.jsonl", to="trl", neutral="masked")


def test_a_row_is_written_as_the_format_itself_writes_it(tmp_path):
    convert(jsonl(tmp_path, SOFT), tmp_path / "o.jsonl", to="trl")
    formats.write(tmp_path / "w.jsonl", [Trajectory("p?", ("a", "b"), (0.75, 0.25))], "trl")
    assert (tmp_path / "o.jsonl").read_text() == (tmp_path / "w.jsonl").read_text()


def test_the_command_converts_and_says_what_was_lost_or_fails_in_one_line(tmp_path):
    def run(*flags):
        path, output = jsonl(tmp_path, SOFT), tmp_path / "o.jsonl"
        command = [sys.executable, "-m", "experiments.convert", f"--input={path}"]
        return subprocess.run(
            [*command, f"--output={output}", *flags], capture_output=True, text=True
        )

    done = run("--from=prm_jax", "--to=trl", "--options=after_error=truncate")
    assert done.returncode == 0 and "lost: 1 x id: not kept, such as soft" in done.stdout
    failed = run("--to=xml")
    assert failed.returncode == 2 and failed.stderr.count("\n") == 1
    assert "cannot write format 'xml'" in failed.stderr
