"""Building a data set from the command line: what is printed, and what a wrong name says."""

import json

import pytest

from prm_jax import formats
from prm_jax.data.tfds_builders import read

ROW = {
    "idx": "q",
    "question": "2 + 3?",
    "original_process": ["2 + 3 = 5"],
    "modified_process": ["2 + 3 = 6", "6"],
    "error_steps": [1],
    "classification": "circular",
}


def test_the_printed_directory_holds_the_data_set(command, tmp_path):
    path = tmp_path / "in" / "prmbench_preview.jsonl"
    path.parent.mkdir()
    path.write_text(json.dumps(ROW) + "\n")
    flags = ("--dataset=prmbench", f"--manual_dir={tmp_path}/in", f"--output={tmp_path}/out")
    done = command("build_dataset", *flags, "--variant=both")
    assert done.code == 0
    folder, counts = done.out.splitlines()[-2:]
    assert folder == f"{tmp_path}/out/prmbench/both/1.0.0" and counts == "  test: 2 trajectories"
    assert read(folder, "test") == formats.read(path, process="both")


@pytest.mark.parametrize(
    "flags, message",
    [
        (("--dataset=prmbank",), "unknown dataset 'prmbank'; known: prm800k, "),
        (("--dataset=prmbench", "--variant=x"), "unknown variant 'x'; known: modified, "),
        (("--dataset=processbench", "--variant=x"), "unknown variant 'x'; known: none"),
        (("--dataset=processbench",), "processbench needs gsm8k.json or "),
    ],
)
def test_what_cannot_be_built_is_one_line(command, tmp_path, flags, message):
    done = command("build_dataset", *flags, f"--output={tmp_path}")
    assert done.code == 2 and message in done.err and "Traceback" not in done.err
