"""Work in a process of its own answers, fails and dies without taking others with it."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from prm_jax.errors import InputError
from prm_jax.provenance import peak_memory_gib
from prm_jax.workers import Worker, working


class Hoarder:
    def __init__(self, n):
        self.n, self.kept = n, []

    def keep(self, times=1):
        self.kept.append(b"x" * self.n * times)
        return len(self.kept[-1])

    def process(self):
        return os.getpid()

    def sleep(self, seconds):
        time.sleep(seconds)

    def fail(self):
        raise ValueError("no such luck")

    def die(self):
        os._exit(9)


def lives(process):
    """Whether it runs; one that ended may still be listed until somebody asks how it ended."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_memory_of_a_way_is_its_own_and_its_failures_are_told():
    before = peak_memory_gib()
    with working(Hoarder, 2**20) as way:
        small = way.call("peak_memory_gib")
        assert way.call("process") != os.getpid()
        assert way.call("keep", times=200) == 200 * 2**20
        assert way.call("peak_memory_gib") - small > 0.15 > peak_memory_gib() - before
        with pytest.raises(RuntimeError, match="no such luck"):
            way.call("fail")
        assert way.call("keep") == 2**20  # it lives on
        with pytest.raises(InputError, match="Hoarder ended with 9 in die"):
            way.call("die")


def test_a_process_ends_with_the_one_that_started_it_and_when_it_is_closed():
    worker = Worker(Hoarder, 1)
    worker.begin("sleep", 600)
    began = time.monotonic()
    worker.close()
    assert time.monotonic() - began < 60
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_workers import Hoarder, Worker\n"
        "if __name__ == '__main__':\n"
        "    worker = Worker(Hoarder, 1)\n"
        "    print(worker.call('process'), flush=True)\n"
        "    worker.begin('sleep', 600)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(script)
        file.flush()
        command = [sys.executable, file.name, str(Path(__file__).parent)]
        killed = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    assert killed.returncode == -9
    until = time.monotonic() + 60
    while lives(int(killed.stdout)):
        assert time.monotonic() < until, "it lives on"
        time.sleep(0.05)


def test_a_way_in_this_process_is_called_alike():
    with working(Hoarder, 10, apart=False) as way:
        assert way.call("process") == os.getpid() and way.call("keep", times=2) == 20
