"""`python -m experiments.reproduce`: the short form of its command line, and what it refuses."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SORM = ("--study=sorm", f"--config={ROOT}/configs/reproduce/sorm.py")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--study=none"], "unknown study 'none'"),
        ([*SORM, "--seeds=4"], "too few"),
        ([*SORM, "--config.data.solution=3"], "solution"),
    ],
)
def test_what_it_refuses_is_one_line(command, arguments, says):
    ended = command("reproduce", *arguments)
    assert ended.code == 2 and says in ended.err and ended.err.count("\n") == 1


def test_a_name_in_place_of_flags_reaches_the_command():
    given = [sys.executable, "-m", "experiments.reproduce", "none"]
    ended = subprocess.run(given, capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == 2 and "unknown study 'none'" in ended.stderr


def test_without_a_name_it_lists_the_studies(command):
    ended = command("reproduce")
    assert ended.code == 0 and "q_ranking" in ended.out
