"""`python -m experiments.launch` shows before it starts, and the document's commands are right."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from fake_programs import FakePrograms

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "launch.md").read_text("utf-8").replace(" \\\n", " ")
COMMANDS = re.findall(r"^    python -m experiments\.launch (.*)$", DOCUMENT, re.MULTILINE)
SLURM = ["--target=slurm", "--gpus_per_node=2", "--time=1:00", "--", "python", "train.py"]


def launch(*arguments, directory, programs=None):
    return subprocess.run(
        [sys.executable, "-m", "experiments.launch", *arguments],
        cwd=directory,
        env={**(programs or FakePrograms(directory)).environment(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_document_is_accepted(line, tmp_path):
    done = launch(
        *(word for word in shlex.split(line) if word != "--nodry_run"), directory=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "a dry run" in done.stdout and not list(tmp_path.iterdir())


def test_the_document_has_a_command_for_each_target():
    targets = {re.search(r"--target=(\w+)", line)[1] for line in COMMANDS}
    assert targets == {"tpu", "gke", "slurm", "gpu"}


def test_a_launch_writes_its_file_and_becomes_its_command(tmp_path):
    directory = tmp_path / "programs"
    directory.mkdir()
    programs = FakePrograms(directory).add("sbatch", 7)
    done = launch("--nodry_run", *SLURM, "--distributed", directory=tmp_path, programs=programs)
    assert done.returncode == 7, done.stderr  # sbatch's own
    assert programs.calls("sbatch") == [["runs/launch/prm-jax/job.sbatch"]]
    script = (tmp_path / "runs" / "launch" / "prm-jax" / "job.sbatch").read_text()
    assert "python train.py --distributed" in script
    assert "squeue --me --name=prm-jax" in done.stdout


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--nodry_run", *SLURM, "--distributed"], "there is no program sbatch"),
        (SLURM, "add it to the training command"),
        (SLURM[:3], "no command to run"),
        (["--topology=4x4", *SLURM], "does nothing with target slurm"),
        ([*SLURM[:3], "python"], "unexpected argument 'python'"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(arguments, message, tmp_path):
    done = launch(*arguments, directory=tmp_path)
    assert done.returncode == 2 and not list(tmp_path.iterdir())
    assert message in done.stderr and len(done.stderr.splitlines()) == 1
