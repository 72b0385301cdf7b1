"""The command writes rows that read back, or one line that says what is wrong."""

import subprocess
import sys
from pathlib import Path

from prm_jax.data.synthetic import check
from prm_jax.records import Trajectory, read_jsonl

ROOT = Path(__file__).resolve().parents[3]


def _run(*flags):
    command = [sys.executable, "-m", "experiments.make_data", *flags]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def _read(path):
    return [Trajectory.from_dict(row, where) for where, row in read_jsonl(path)]


def test_writes_trajectories_of_the_families_in_turn(tmp_path):
    path = tmp_path / "deep" / "train.jsonl"
    done = _run("--families=arithmetic,dyck", "--n=10", "--split=train", f"--output={path}")
    assert done.returncode == 0, done.stderr
    items = _read(path)
    assert [item.meta["family"] for item in items] == ["arithmetic", "dyck"] * 5
    assert all(len(check(item)) == len(item.labels) for item in items)


def test_writes_groups_of_candidates(tmp_path):
    path = tmp_path / "groups.jsonl"
    done = _run("--families=dyck", "--n=3", "--candidates=4", "--accuracy=0.4", f"--output={path}")
    assert done.returncode == 0, done.stderr
    assert [item.group for item in _read(path)] == [
        f"dyck-0-p{i}" for i in range(3) for _ in "abcd"
    ]


def test_bad_flags_give_one_line_and_no_file(tmp_path):
    path = tmp_path / "x.jsonl"
    for flag in ("--families=chess", "--accuracy=0.4", "--difficulty=9", "--kinds=forgot_push"):
        done = _run("--families=arithmetic", flag, f"--output={path}")
        assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert done.stderr.startswith("error: ") and not path.exists()
