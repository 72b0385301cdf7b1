"""A run that is killed, stopped and started again ends where the run that never stopped ends."""

import os
import random
import signal

import pytest
from local_runs import Run, checkpoints, metrics, steps_logged

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

    def killed(run):
        run.send(signal.SIGKILL)
        return run.end()[0][0] == -signal.SIGKILL

    with Run(settings(solutions), workdir) as first:
        first.wait_until(lambda: (workdir / "config.json").is_file())
        assert killed(first)
    assert not checkpoints(workdir)

    with Run(settings(solutions), workdir) as second:
        enough = rng.randint(CHECKPOINT_EVERY + 2, STEPS // 2)
        second.wait_until(lambda: checkpoints(workdir) and steps_logged(workdir) >= enough)
        assert killed(second)
    assert not (workdir / "export").exists(), f"too late; seed {seed}"
    before = checkpoints(workdir)

    with Run(settings(solutions), workdir) as third:
        third.wait_until(lambda: checkpoints(workdir)[-1:] > before[-1:])
        third.send(signal.SIGTERM)
        [(code, printed)] = third.end()
    assert code == 143, printed
    assert checkpoints(workdir)[-1] == steps_logged(workdir) > before[-1]

    with Run(settings(solutions), workdir) as last:
        [(code, printed)] = last.end()
    assert code == 0, printed
    for name in ("model.safetensors", "config.json"):
        one, other = (folder / "export" / name for folder in (whole, workdir))
        assert one.read_bytes() == other.read_bytes(), f"{name} differs; seed {seed}"
    assert metrics(workdir) == metrics(whole), f"seed {seed}"
    assert [row["step"] for row in metrics(workdir)] == list(range(1, STEPS + 1))
