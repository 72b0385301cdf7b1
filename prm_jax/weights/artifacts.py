"""Where the files behind a preset name come from, and whether they are the right ones.

`third_party/artifacts.toml` records each file's origin, licence, size and sha256. A preset is
looked for in this order: a path that the user names, the Hugging Face cache or hub, the file inside
an installed wheel, our cache (`python -m third_party.fetch`).
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.resources
import json
import os
import tomllib
from pathlib import Path

from absl import logging

from prm_jax.errors import InputError
from prm_jax.files import atomic_write

HUB_FILES = ("*.json", "*.safetensors", "*.jinja", "tokenizer.model")
HUB_TIMEOUT_SECONDS = 2.0


@functools.cache
def table():
    """The artifacts by name: dict of the tables in `third_party/artifacts.toml`."""
    text = importlib.resources.files("third_party").joinpath("artifacts.toml").read_text("utf-8")
    return tomllib.loads(text)


def presets():
    """The artifacts that are models, by name: those with a repository on the Hugging Face hub."""
    return {name: artifact for name, artifact in table().items() if "hub" in artifact}


def cache_directory():
    """Our cache: `$PRM_JAX_CACHE`, or `~/.cache/prm_jax`."""
    return Path(os.environ.get("PRM_JAX_CACHE") or Path.home() / ".cache" / "prm_jax")


def cached_path(name):
    """Where a fetched artifact lies in our cache, whether it is there or not."""
    return cache_directory() / name / Path(table()[name]["file"]).name


def variable(name):
    """The environment variable for a preset's path: PRM_JAX_SMOLLM2_135M for smollm2-135m."""
    return "PRM_JAX_" + name.upper().replace("-", "_")


def locate(name, path=None):
    """The directory or file that holds a preset's weights.

    Args:
        name: of a preset.
        path: use this instead of searching.

    Returns:
        Path.

    Raises:
        InputError: it is nowhere (says what to run), or a found file has the wrong checksum.
    """
    given = path or os.environ.get(variable(name))
    if given:
        if not Path(given).exists():
            field = "path" if path else variable(name)
            raise InputError("no such file or directory", file=given, field=field)
        return Path(given)
    artifact = table()[name]
    if found := hub_directory(artifact["hub"]):
        logging.info("%s: %s from the Hugging Face hub or its cache", name, artifact["hub"])
        return found
    for found in (wheel_path(artifact["package"], artifact["file"]), cached_path(name)):
        if found is not None and found.is_file():
            verify(found, artifact["sha256"])
            logging.info("%s: %s", name, found)
            return found
    raise InputError(
        f"the weights of {name!r} are not on this machine",
        remedy=f"run: python -m third_party.fetch {name} (or set {variable(name)} to a path)",
    )


def wheel_path(package, file):
    """The path of a file in an installed distribution, not importing it; None without one."""
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return None
    return Path(str(distribution.locate_file(file)))


def hub_directory(repository):
    """A snapshot of a hub repository from its local cache or the network; None without one.

    Offline it returns fast: one request with a short timeout decides whether the network is tried
        at all, and
    `HF_HUB_OFFLINE` rules it out.
    """
    try:
        import huggingface_hub as hub
    except ImportError:
        return None

    def snapshot(**options):
        directory = hub.snapshot_download(repository, allow_patterns=list(HUB_FILES), **options)
        return Path(directory)

    # The hub's client raises errors of many kinds when it is offline, and every one of them means
    # "look elsewhere".
    with contextlib.suppress(Exception):
        cached = snapshot(local_files_only=True)
        if (cached / "config.json").is_file() and list(cached.glob("*.safetensors")):
            return cached
    if hub.constants.HF_HUB_OFFLINE:
        return None
    with contextlib.suppress(Exception):
        hub.get_hf_file_metadata(
            hub.hf_hub_url(repository, "config.json"), timeout=HUB_TIMEOUT_SECONDS
        )
        return snapshot()
    return None


def verify(path, sha256):
    """Raises `InputError` unless the file has this sha256; a right one is not read again."""
    status = path.stat()
    fact = [status.st_size, status.st_mtime_ns, sha256]
    memory = cache_directory() / "verified.json"
    known = {}
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(memory.read_text("utf-8"))
    if known.get(str(path)) == fact:
        return
    if file_sha256(path) != sha256:
        raise InputError(
            "its sha256 is not the recorded one", file=path, remedy="delete it and fetch it again"
        )
    with contextlib.suppress(OSError), atomic_write(memory) as file:
        json.dump(known | {str(path): fact}, file, indent=1)


def file_sha256(path):
    """The sha256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
