"""Programs of clusters that only write down how they were called, to run real scripts against."""

import os
import subprocess

RECORD = """#!/bin/bash
printf '%s\\0' "$@" > "{log}/$(ls "{log}" | wc -l)"
exit "$(sed -n "$(ls "{log}" | wc -l)p" "{codes}")"
"""


class FakePrograms:
    """A directory of programs that come first in PATH.

    Args:
        directory: an empty directory.
    """

    def __init__(self, directory):
        self.directory = directory

    def add(self, name, *codes):
        """Adds a program whose calls exit with `codes` in turn, and with 0 after them."""
        log = self.directory / f"{name}.calls"
        log.mkdir()
        exits = self.directory / f"{name}.codes"
        exits.write_text("".join(f"{code}\n" for code in (*codes, *[0] * 20)))
        program = self.directory / name
        program.write_text(RECORD.format(log=log, codes=exits))
        program.chmod(0o755)
        return self

    def calls(self, name):
        """The arguments of each call, in order."""
        log = self.directory / f"{name}.calls"
        paths = sorted(log.iterdir(), key=lambda path: int(path.name))
        return [path.read_text().split("\0")[:-1] for path in paths]

    def environment(self, **variables):
        """The environment of a process that finds these programs."""
        return {**os.environ, "PATH": f"{self.directory}:{os.environ['PATH']}", **variables}

    def run(self, script, **variables):
        """Runs a bash script; returns what it came to."""
        return subprocess.run(
            ["bash", "-c", script],
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            timeout=120,
        )
