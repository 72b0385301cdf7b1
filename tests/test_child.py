"""A child process for work that may not end: ended when late, alone in its session, never left."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from prm_jax.child import Child, ChildError

# Says its process for a number, waits that long; prints that many bytes for a text; ends for null.
# Leaves a file when nobody asks any more.
SCRIPT = """
import json, os, sys, time
print("true", flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if request is None:
        sys.exit()
    if isinstance(request, int | float):
        time.sleep(request)
    size = request if isinstance(request, str) else "1"
    print(json.dumps([os.getpid(), os.getsid(0), "x" * int(size)]), flush=True)
open(f"{sys.argv[0]}.{os.getpid()}", "w").close()
"""
PARENT = """
import os, sys, time
from pathlib import Path
from prm_jax.child import Child
child = Child(Path(sys.argv[1]), max_bytes=1 << 30, max_reply_bytes=1000)
own = child.ask(0, 5)[0]
fork = os.fork()
if fork == 0:
    print(child.ask(0, 5)[0], flush=True)
    time.sleep(60)
print(own, child.ask(0, 5)[0], fork, flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("child") / "worker.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture(scope="module")
def child(script):
    child = Child(script, max_bytes=1 << 30, max_reply_bytes=1000)
    yield child
    child.close()


def ends(script, process_id):
    """Whether a child ends on its own soon."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if script.with_name(f"{script.name}.{process_id}").exists():
            return True
        time.sleep(0.01)
    return False


def test_one_child_answers_until_it_is_late_or_ends_and_then_there_is_another(child):
    first, session, _ = child.ask(0, 5)
    assert session == first != os.getsid(0)  # a Ctrl-C of the terminal does not reach it
    assert child.ask(0, 5)[0] == first
    with pytest.raises(ChildError) as late:
        child.ask(30, 0.1)
    second = child.ask(0, 5)[0]
    with pytest.raises(ChildError) as ended:
        child.ask(None, 5)
    third = child.ask(0, 5)[0]
    assert (late.value.late, ended.value.late) == (True, False)
    assert len({first, second, third}) == 3
    for process_id in (first, second):
        with pytest.raises(ProcessLookupError):
            os.kill(process_id, 0)


def test_an_answer_beyond_the_bound_is_none(child):
    assert child.ask("900", 5)[2] == "x" * 900
    with pytest.raises(ChildError):
        child.ask("2000", 5)


def test_threads_get_their_own_answers(child):
    found = []
    threads = [
        threading.Thread(target=lambda n=n: found.append((n, len(child.ask(str(n), 5)[2]))))
        for n in range(1, 9)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [(n, n) for n in range(1, 9)]


def test_a_fork_has_a_child_of_its_own_and_each_child_ends_with_its_parent(script):
    command = [sys.executable, "-c", PARENT, str(script)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    lines = sorted((parent.stdout.readline().split() for _ in range(2)), key=len)
    (of_fork,), (own, again, fork) = [[int(number) for number in line] for line in lines]
    assert own == again != of_fork
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert ends(script, own)
    os.kill(fork, signal.SIGKILL)
    assert ends(script, of_fork)
    parent.stdout.close()
