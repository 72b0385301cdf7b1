"""A run that is killed, stopped and started again ends where the run that never stopped ends."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from configs import tiny
from prm_jax.train import loop

STEPS, CHECKPOINT_EVERY = 40, 4


def settings(solutions):
    return {
        "steps": STEPS,
        "checkpoint_every": CHECKPOINT_EVERY,
        "eval_every": 10,
        "tensorboard": False,
        "microbatches": 2,
        "data.rows": 16,
        "data.train": str(solutions),
        "data.validation": "",
        "data.validation_fraction": 0.2,
        "data.max_length": 96,
        "data.row_length": 96,
    }


def command(solutions, workdir):
    return [
        *(sys.executable, "-m", "experiments.train", "--config=configs/tiny.py"),
        *(f"--config.{key}={value}" for key, value in settings(solutions).items()),
        f"--workdir={workdir}",
    ]


class Run:
    """A training process; stopped by the tests, and at the end of a test at the latest."""

    def __init__(self, solutions, workdir):
        self.workdir = workdir
        self.process = subprocess.Popen(
            command(solutions, workdir), stderr=subprocess.PIPE, text=True
        )

    def wait_until(self, condition):
        deadline = time.monotonic() + 240
        while not condition() and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        assert self.process.poll() is None, self.process.stderr.read()
        assert condition()

    def end(self, number=None):
        """Sends a signal, if given, and gives the exit code and what was printed."""
        if number is not None:
            self.process.send_signal(number)
        _, printed = self.process.communicate(timeout=240)
        return self.process.returncode, printed


def steps_logged(workdir):
    path = workdir / "metrics.jsonl"
    return len(path.read_text().splitlines()) if path.is_file() else 0


def checkpoints(workdir):
    folder = workdir / "checkpoints"
    return (
        sorted(int(p.name) for p in folder.iterdir() if p.name.isdigit()) if folder.is_dir() else []
    )


def metrics(workdir):
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if not k.endswith("_per_second")} for row in rows]


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_bit_for_bit_like_one_never_stopped(
    solutions, tmp_path
):
    seed = int.from_bytes(os.urandom(4), "big")
    rng = random.Random(seed)
    whole, workdir = tmp_path / "whole", tmp_path / "stopped"
    config = tiny.get_config()
    config.update_from_flattened_dict(settings(solutions))
    loop.train(config, whole, progress=False)

    first = Run(solutions, workdir)
    first.wait_until(lambda: (workdir / "config.json").is_file())
    assert first.end(signal.SIGKILL)[0] == -signal.SIGKILL
    assert not checkpoints(workdir)

    second = Run(solutions, workdir)
    enough = rng.randint(CHECKPOINT_EVERY + 2, STEPS // 2)
    second.wait_until(lambda: checkpoints(workdir) and steps_logged(workdir) >= enough)
    assert second.end(signal.SIGKILL)[0] == -signal.SIGKILL
    assert not (workdir / "export").exists(), f"too late; seed {seed}"
    before = checkpoints(workdir)

    third = Run(solutions, workdir)
    third.wait_until(lambda: checkpoints(workdir)[-1:] > before[-1:])
    code, printed = third.end(signal.SIGTERM)
    assert code == 143, printed
    assert checkpoints(workdir)[-1] == steps_logged(workdir) > before[-1]

    code, printed = Run(solutions, workdir).end()
    assert code == 0, printed
    for name in ("model.safetensors", "config.json"):
        one, other = (folder / "export" / name for folder in (whole, workdir))
        assert one.read_bytes() == other.read_bytes(), f"{name} differs; seed {seed}"
    assert metrics(workdir) == metrics(whole), f"seed {seed}"
    assert [row["step"] for row in metrics(workdir)] == list(range(1, STEPS + 1))
