"""Checks of a launch before anything is asked for: what would fail late, or lose work."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from prm_jax.errors import InputError

SHARED = "/shared"  # where containers see the file system that all hosts have
NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")  # a DNS label that pods can lengthen
PLAIN = re.compile(r"[\w./:@%+=-]+", re.ASCII)


def check_name(name: str):
    """Raises `InputError` for a name that Kubernetes or Google Cloud would refuse."""
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is no name for a job",
            field="name",
            remedy="up to 40 small letters, digits and -, a letter first and no - at the end",
        )


def check_plain(**values: str):
    """Raises `InputError` for a value that is missing or that cannot stand unquoted in a script."""
    for field, value in values.items():
        if not PLAIN.fullmatch(value):
            raise InputError(
                f"{value!r} has characters that it cannot have" if value else "is empty",
                field=field,
                remedy="letters, digits and . / : @ % + = _ - can stand here",
            )


def check_at_least(least: int, **values: int):
    """Raises `InputError` for a number below `least`."""
    for field, value in values.items():
        if value < least:
            raise InputError(f"{value} is below {least}", field=field)


def check_command(command: Sequence[str]):
    """Raises `InputError` if there is no command to run."""
    if not command:
        raise InputError(
            "there is no command to run",
            remedy="write it after --, such as -- python -m experiments.train --config=...",
        )


def check_distributed(command: Sequence[str], several: bool):
    """Raises `InputError` if a command does not fit the number of its processes.

    Args:
        command: the training command.
        several: whether it runs in several processes, which have to find each other.
    """
    says_so = any(word.split("=")[0] == "--distributed" for word in command)
    if several and not says_so:
        raise InputError(
            "each process would train by itself",
            field="--distributed",
            remedy="add it to the training command",
        )
    if says_so and not several:
        raise InputError(
            "one process has no others to find",
            field="--distributed",
            remedy="leave it out of the training command",
        )


def check_workdir(command: Sequence[str]):
    """Raises `InputError` for a `--workdir` that would end with its container."""
    for i, word in enumerate(command):
        if word == "--workdir":
            directory = command[i + 1] if i + 1 < len(command) else ""
        elif word.startswith("--workdir="):
            directory = word.partition("=")[2]
        else:
            continue
        path = PurePosixPath(directory)
        if not path.is_relative_to(SHARED) or ".." in path.parts:
            raise InputError(
                f"{directory} is inside a container and lost when it ends",
                field="--workdir",
                remedy=f"write to a directory below {SHARED}, such as {SHARED}/runs/mine",
            )
