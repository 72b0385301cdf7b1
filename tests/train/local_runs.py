"""Training in processes of their own on this machine, and what their workdir says."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

SECONDS = 600  # for what a process is asked to do


class Run:
    """A training in one process or several; a context manager that leaves none behind.

    Args:
        values: of the configuration, by flattened key, beside those of configs/tiny.py.
        workdir: of the run.
        processes: their number. devices: of each, when there are several.
        script: what runs, with the flags of experiments.train.
    """

    def __init__(self, values, workdir, processes=1, devices=None, script="experiments.train"):
        self.workdir = workdir
        command = [
            *(sys.executable, "-m", script, "--config=configs/tiny.py", f"--workdir={workdir}"),
            *(f"--config.{key}={value}" for key, value in values.items()),
        ]
        environment = dict(os.environ)
        if processes > 1:
            command += [f"--coordinator=127.0.0.1:{free_port()}", f"--num_processes={processes}"]
            environment["XLA_FLAGS"] = re.sub(
                r"count=\d+", f"count={devices}", os.environ["XLA_FLAGS"]
            )
            # Gloo waits 30 seconds for the others: all must compile, not find some in a cache.
            environment["JAX_ENABLE_COMPILATION_CACHE"] = "false"
        folder = os.path.dirname(os.path.abspath(__file__))
        environment["PYTHONPATH"] = os.pathsep.join(
            [folder, *filter(None, [environment.get("PYTHONPATH")])]
        )
        self.processes = [
            subprocess.Popen(
                [*command, f"--process_id={number}"] if processes > 1 else command,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
            )
            for number in range(processes)
        ]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def wait_until(self, condition):
        deadline = time.monotonic() + SECONDS
        while not condition() and time.monotonic() < deadline:
            for process in self.processes:
                assert process.poll() is None, process.stderr.read()
            time.sleep(0.002)
        assert condition()

    def send(self, number: signal.Signals, process=0):
        self.processes[process].send_signal(number)

    def end(self, timeout=SECONDS):
        """Exit code and what was printed, of each process."""
        printed = [process.communicate(timeout=timeout)[1] for process in self.processes]
        return [(process.returncode, text) for process, text in zip(self.processes, printed)]


def free_port():
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        return asking.getsockname()[1]


def steps_logged(workdir):
    path = workdir / "metrics.jsonl"
    return len(path.read_text().splitlines()) if path.is_file() else 0


def checkpoints(workdir):
    folder = workdir / "checkpoints"
    return (
        sorted(int(p.name) for p in folder.iterdir() if p.name.isdigit()) if folder.is_dir() else []
    )


def forget_after(workdir, step):
    """Puts a finished run back to where it was killed after the checkpoint of `step`."""
    shutil.rmtree(workdir / "export")
    for number in checkpoints(workdir):
        if number > step:
            shutil.rmtree(workdir / "checkpoints" / str(number))


def metrics(workdir):
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if not k.endswith("_per_second")} for row in rows]
