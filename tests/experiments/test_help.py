"""`--help` of every command: it succeeds, and imports nothing that takes long."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(
    path.stem for path in (ROOT / "experiments").glob("*.py") if path.stem != "__init__"
)
SLOW = (
    *("flax", "grain", "jax", "matplotlib", "optax", "orbax", "tensorflow_datasets"),
    *("prm_jax.data.synthetic", "prm_jax.formats.processbench"),
)
NOTE_IMPORTS = f"""
import importlib, json, sys
from absl import flags
before, found = set(flags.FLAGS), {{}}
for name in {COMMANDS}:
    importlib.import_module("experiments." + name)
    found[name] = [slow for slow in {SLOW} if slow in sys.modules]
    for flag in set(flags.FLAGS) - before:
        delattr(flags.FLAGS, flag)
print(json.dumps(found))
"""


def test_help_of_no_command_imports_what_takes_long():
    done = subprocess.run(
        [sys.executable, "-c", NOTE_IMPORTS], capture_output=True, text=True, cwd=ROOT, check=True
    )
    found = json.loads(done.stdout)
    assert sorted(found) == COMMANDS
    assert {name: slow for name, slow in found.items() if slow} == {}


@pytest.mark.parametrize("flag", ["--help", "--helpshort", "--helpfull"])
def test_help_exits_with_zero(flag):
    # A process of its own: absl defines these flags once in a process.
    command = [sys.executable, "-m", "experiments.score", flag]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and "--input" in done.stdout


def test_a_flag_that_only_begins_like_help_is_refused(command):
    assert command("score", "--helpless").code == 2


def test_scoring_imports_nothing_of_training_that_takes_long():
    program = "import sys, prm_jax.scoring.score_file; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert not {"grain", "optax", "orbax", "matplotlib"} & set(done.stdout.split())
