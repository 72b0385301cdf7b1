"""Several processes train as one does, stop and fail together, and hand the run on."""

import json
import os
import re
import signal
import time

import numpy as np
import pytest
from local_runs import Run, checkpoints, metrics, steps_logged

from configs import tiny
from prm_jax import formats
from prm_jax.errors import InputError
from prm_jax.formats import array_records
from prm_jax.train import distributed, loop
from prm_jax.weights import load_model


@pytest.fixture
def values(solutions, tmp_path):
    array_records.write(tmp_path / "set", formats.read(solutions), shard_size=25)
    return {
        "steps": 16,
        "optimizer.learning_rate": 1e-3,
        "checkpoint_every": 3,
        "checkpoints_to_keep": 99,
        "eval_every": 0,
        "tensorboard": False,
        "data.rows": 16,
        "data.readers": 4,
        "data.train": f"{tmp_path}/set-*.array_record",
        "data.validation": "",
        "data.validation_fraction": 0.2,
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


def noted(workdir, processes):
    """What each of so many processes put on its devices, a line an update."""
    paths = [workdir / f"fed-{i}-of-{processes}.jsonl" for i in range(processes)]
    return [
        [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
        for path in paths
    ]


@pytest.mark.slow
def test_a_lost_process_ends_the_other_four_go_on_until_one_is_stopped_and_one_to_the_same_end(
    values, tmp_path
):
    train_alone(values, tmp_path / "whole")
    expected, workdir = metrics(tmp_path / "whole"), tmp_path / "shared"
    workdir.mkdir()

    with Run(values, workdir, processes=2, devices=2, script="train_and_note_rows") as run:
        run.wait_until(lambda: checkpoints(workdir) and steps_logged(workdir) > 4)
        run.send(signal.SIGKILL, process=1)  # that one lags: the other waits in an update
        began = time.monotonic()
        (code, printed), (lost, other) = run.end()
        assert time.monotonic() - began < 60
    assert lost == -signal.SIGKILL and code not in (0, lost), printed
    assert re.search(f"error: process 0 of 2.* lost.*{distributed.AGAIN}", printed), printed
    assert "2 processes with 4 devices" in printed
    assert "training" in printed and "training" not in other  # one shows its progress
    assert checkpoints(workdir) and not (workdir / "export").exists()
    assert_fed(noted(workdir, 2), 8, expected)

    start = checkpoints(workdir)[-1]
    settings = {**values, "mesh.tensor": 2}
    with Run(settings, workdir, 4, devices=2, script="train_and_note_rows") as run:
        run.wait_until(lambda: len(noted(workdir, 4)[2]) > 1)
        run.send(signal.SIGTERM, process=2)
        results = run.end()
    assert [code for code, _ in results] == [loop.STOPPED] * 4, results
    stopped = checkpoints(workdir)[-1]
    assert start < stopped == steps_logged(workdir) < values["steps"]
    fed = noted(workdir, 4)
    assert {len(lines) for lines in fed} == {stopped - start}
    assert_fed(fed, 4, expected[start:])

    train_alone(values, workdir)
    assert_same(metrics(workdir), expected)
    reports = [
        json.loads((tmp_path / n / "data_report.json").read_text()) for n in ("whole", "shared")
    ]
    assert reports[0] == reports[1] and reports[0]["drawn"]["trajectories"] > 60
    one, other = (load_model(path / "export")[1] for path in (workdir, tmp_path / "whole"))
    head, right = one["head"]["kernel"], other["head"]["kernel"]
    np.testing.assert_allclose(head, right, rtol=1e-3, atol=1e-5)


def assert_fed(fed, rows, expected):
    """Each process fed so many rows, and together they fed the tokens of every update."""
    assert all(line["rows"] == rows for lines in fed for line in lines)
    assert min(map(len, fed)) > 1
    for row, *lines in zip(expected, *fed):
        assert row["tokens"] == sum(line["tokens"] for line in lines)


@pytest.mark.slow
def test_the_loss_of_the_first_process_ends_the_other_within_a_minute(tmp_path):
    paths = [tmp_path / f"updates-{i}" for i in range(2)]
    with Run({}, tmp_path, processes=2, devices=2, script="count_together") as run:
        run.wait_until(lambda: all(path.is_file() and path.read_text() for path in paths))
        run.send(signal.SIGKILL, process=0)
        began = time.monotonic()
        (lost, _), (code, printed) = run.end()
        assert time.monotonic() - began < 60
    assert lost == -signal.SIGKILL and code not in (0, lost), printed
    assert re.search(f"error: process 1 of 2.* lost.*{distributed.AGAIN}", printed), printed


def test_processes_that_were_started_differently_say_how(monkeypatch):
    values = {"workdir": "a", "data.rows": 8}
    monkeypatch.setattr(
        distributed, "gathered", lambda mine: [mine, mine, {**mine, "data.rows": 4}]
    )
    with pytest.raises(
        InputError, match="settings: data.rows is 8 in process 0 and 4 in process 2;"
    ):
        distributed.check_same(values, "settings")
    monkeypatch.setattr(distributed, "gathered", lambda mine: [mine, mine])
    distributed.check_same(values, "settings")


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
    with distributed.joined(), distributed.noticing_stop(mesh=None) as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop()
    assert signal.getsignal(signal.SIGTERM) is before
