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


def test_scoring_and_loading_import_no_training_which_takes_long():
    files = [
        path for room in ("scoring", "weights") for path in (ROOT / "prm_jax" / room).glob("*")
    ]
    lines = [line for path in files if path.suffix == ".py" for line in path.open()]
    assert "from prm_jax.data.packing import Bins, fill\n" in lines
    assert not [line for line in lines if line.startswith(("from prm_jax.train", "import grain"))]


def test_packing_trajectories_to_score_imports_no_grain():
    program = "import sys, prm_jax.data.packing, prm_jax.data.units; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert not set(SLOW) & set(done.stdout.split())
