"""One process writes at a time; its death lets the next one in."""

import errno
import json
import os
import signal
import subprocess
import sys

import pytest

from prm_jax import locks
from prm_jax.errors import InputError
from prm_jax.locks import held, lock_file

HOLD = """
import sys, time
from prm_jax.locks import held
with held(sys.argv[1], within=len(sys.argv) > 2):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(path, *more):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), *more], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("within", [False, True])
def test_the_second_process_says_who_holds_it_and_death_lets_it_in(tmp_path, within):
    path = tmp_path / "run" if within else tmp_path / "out.jsonl"
    if within:
        path.mkdir()
    process = holder(path, *["within"] * within)
    try:
        with pytest.raises(InputError) as refused:
            with held(path, within):
                pass
        assert f"is being written by process {process.pid} on " in str(refused.value)
        assert "\n" not in str(refused.value)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert lock_file(path, within).exists()  # what a killed process leaves
    with held(path, within):
        record = json.loads(lock_file(path, within).read_text())
        assert record["process"] == os.getpid()
    assert not lock_file(path, within).exists()


def test_a_link_has_the_lock_of_what_it_points_to(tmp_path):
    target, link = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    link.symlink_to(target)
    with held(target):
        with pytest.raises(InputError, match="b.jsonl.*is being written"):
            with held(link):
                pass
        with held(tmp_path / "c.jsonl"):
            pass


def test_an_error_in_the_block_releases_it(tmp_path):
    with pytest.raises(RuntimeError):
        with held(tmp_path / "a"):
            raise RuntimeError
    with held(tmp_path / "a"):
        pass


def test_a_file_system_without_locks_is_warned_of(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(locks.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    said = []
    monkeypatch.setattr(locks.logging, "warning", lambda text, *of: said.append(text % of))
    with held(tmp_path / "a"):
        pass
    assert len(said) == 1 and "no lock is possible" in said[0]


def test_a_lock_that_fails_for_another_reason_is_said(tmp_path, monkeypatch, caplog):
    def failing(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(locks.fcntl, "flock", failing)
    with held(tmp_path / "out.jsonl"):
        pass
    assert "no lock is possible here (input/output error)" in caplog.text


def test_a_lock_file_that_another_user_left_is_locked_all_the_same(tmp_path, monkeypatch):
    path, opened = tmp_path / "out.jsonl", os.open
    lock_file(path).write_text("{}")

    def refusing(file, flags, *mode):
        if flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(file, flags, *mode)

    monkeypatch.setattr(locks.os, "open", refusing)
    with held(path):
        with pytest.raises(InputError, match="is being written by another process"), held(path):
            pass
