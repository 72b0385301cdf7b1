"""Several processes train as one does, stop and fail together, and hand the run on."""

import contextlib
import json
import os
import re
import signal
import time

import numpy as np
import pytest
from local_runs import Run, forget_after, metrics

from configs import tiny
from prm_jax.errors import InputError
from prm_jax.train import distributed, loop
from prm_jax.weights import load_model

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.fixture
def values(solutions):
    return {
        "steps": 8,
        "checkpoint_every": 4,
        "eval_every": 0,
        "tensorboard": False,
        "data.rows": 16,
        "data.train": str(solutions),
        "data.validation": "",
        "data.max_length": 96,
        "data.row_length": 96,
    }


def train_alone(values, workdir):
    """In this process, on its eight devices."""
    config = tiny.get_config()
    config.update_from_flattened_dict({**values, "mesh.data": -1, "mesh.fsdp": 1})
    loop.train(config, workdir, progress=False)


def assert_same(found, expected):
    assert [row["step"] for row in found] == [row["step"] for row in expected]
    for row, right in zip(found, expected):
        assert row.keys() == right.keys()
        for name in row:
            np.testing.assert_allclose(row[name], right[name], rtol=1e-4, err_msg=f"{name} {row}")


@pytest.mark.slow
def test_two_processes_feed_half_each_and_give_the_numbers_of_one(values, tmp_path):
    values |= {"steps": 4, "data.validation_fraction": 0.2, "mesh.data": 2, "mesh.fsdp": 2}
    train_alone(values, tmp_path / "whole")
    workdir = tmp_path / "shared"
    workdir.mkdir()
    with Run(values, workdir, processes=2, devices=2, script="train_and_note_rows") as run:
        results = run.end()
    assert [code for code, _ in results] == [0, 0], results
    assert "2 processes with 4 devices" in results[0][1]
    assert "training" not in results[1][1]  # one shows its progress
    assert_same(metrics(workdir), metrics(tmp_path / "whole"))
    fed = [
        [json.loads(line) for line in (workdir / f"fed-{i}.jsonl").read_text().splitlines()]
        for i in range(2)
    ]
    assert all(line["rows"] == 8 for lines in fed for line in lines)
    for row, *lines in zip(metrics(workdir), *fed):
        assert row["tokens"] == sum(line["tokens"] for line in lines)
    one, other = (load_model(path / "export")[1] for path in (workdir, tmp_path / "whole"))
    head, right = one["head"]["kernel"], other["head"]["kernel"]
    np.testing.assert_allclose(head, right, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_four_processes_go_on_with_the_run_of_one_and_one_with_theirs(values, tmp_path):
    values |= {"checkpoint_every": 2, "checkpoints_to_keep": 9}
    train_alone(values, tmp_path)
    expected = metrics(tmp_path)
    forget_after(tmp_path, 4)
    with Run({**values, "mesh.tensor": 2}, tmp_path, processes=4, devices=2) as run:
        results = run.end()
    assert [code for code, _ in results] == [0] * 4, results
    assert_same(metrics(tmp_path), expected)
    forget_after(tmp_path, 6)
    train_alone(values, tmp_path)
    assert_same(metrics(tmp_path), expected)


@contextlib.contextmanager
def counting(workdir, processes):
    """Processes that are all in their loop, and the files of their updates."""
    paths = [workdir / f"updates-{i}" for i in range(processes)]
    with Run({}, workdir, processes, devices=2, script="count_together") as run:
        run.wait_until(lambda: all(path.is_file() and path.read_text() for path in paths))
        yield run, paths


@pytest.mark.slow
def test_four_processes_stop_at_the_same_update_when_one_is_asked_to(tmp_path):
    with counting(tmp_path, 4) as (run, paths):
        run.send(signal.SIGTERM, process=2)
        results = run.end()
    assert [code for code, _ in results] == [loop.STOPPED] * 4, results
    assert len({path.read_text() for path in paths}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 1])
def test_a_process_that_is_lost_ends_the_other_within_a_minute(lost, tmp_path):
    with counting(tmp_path, 2) as (run, _):
        run.send(signal.SIGKILL, lost)
        began = time.monotonic()
        results = run.end()
        assert time.monotonic() - began < 60
    assert results[lost][0] == -signal.SIGKILL
    code, printed = results[1 - lost]
    assert code not in (0, -signal.SIGKILL)
    assert re.search("another process was lost|another task died", printed), printed


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("is not there", file="a.jsonl"), 2, "a.jsonl: is not there\n"),
        (RuntimeError("Gloo all-reduce failed: Connection closed"), 1, "another process was lost"),
        (RuntimeError("RESOURCE_EXHAUSTED"), 1, "RuntimeError: RESOURCE_EXHAUSTED\n"),
    ],
    ids=["input", "lost", "defect"],
)
def test_a_process_that_fails_says_why_and_ends_without_waiting(
    error, code, said, monkeypatch, capfd
):
    class Ended(BaseException):
        pass

    def end(status):
        raise Ended(status)

    monkeypatch.setattr(distributed.os, "_exit", end)
    monkeypatch.setattr(distributed.jax.distributed, "initialize", lambda *_, **__: None)
    monkeypatch.setattr(distributed.jax.distributed, "shutdown", lambda: pytest.fail("waited"))
    with pytest.raises(Ended) as ended:
        with distributed.joined("127.0.0.1:1", 2, 1):
            raise error
    printed = capfd.readouterr().err
    assert ended.value.args == (code,) and "error: process 1 of 2: " in printed and said in printed
    assert ("Traceback" in printed) == said.startswith("RuntimeError")


def test_flags_that_name_half_of_a_group_are_refused():
    with pytest.raises(InputError, match="belong together"):
        with distributed.joined(num_processes=2):
            pass
    with pytest.raises(InputError, match="process 2 is not one of 2"):
        with distributed.joined("127.0.0.1:1", 2, 2):
            pass


def test_without_a_group_a_signal_asks_to_stop_and_the_handler_is_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with distributed.joined(), distributed.noticing_sigterm(mesh=None) as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop()
    assert signal.getsignal(signal.SIGTERM) is before
