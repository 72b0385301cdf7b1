"""Where the files behind a name come from, and whether they are the right ones.

`third_party/artifacts.toml` records each file's origin, licence, size and sha256. A preset is
looked for in this order: a path that the user names, the file inside an installed wheel, our cache
(`python -m third_party.fetch`), both only with the recorded sha256, and the hub's commit if one is
recorded. OWNER/NAME@COMMIT names a repository of the Hugging Face hub; without a commit it would
name whatever lies there on the day.
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.resources
import importlib.util
import json
import os
import re
import tomllib
from pathlib import Path

from absl import logging

from prm_jax.errors import InputError
from prm_jax.files import atomic_write
from prm_jax.json_files import read_json

HUB_FILES = ("*.json", "*.safetensors", "*.jinja", "tokenizer.model")
HUB_TIMEOUT_SECONDS = 2.0
HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w.-]+")
PINNED = re.compile(rf"({HUB_NAME.pattern})@([0-9a-f]{{40}})")
SNAPSHOT = re.compile(r"models--([^/]+)--([^/]+)/snapshots/([0-9a-f]{40})")


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
    for found in (wheel_path(artifact["package"], artifact["file"]), cached_path(name)):
        if found is not None and found.is_file():
            verify(found, artifact["sha256"])
            logging.info("%s: %s", name, found)
            return found
    commit = artifact.get("hub_commit")
    if commit and (found := hub_directory(artifact["hub"], commit)):
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


def from_hub(name: str) -> Path:
    """The directory of a repository of the Hugging Face hub, downloaded if it is not in its cache.

    Args:
        name: OWNER/NAME@COMMIT, with all 40 digits of the commit.

    Raises:
        InputError: the commit is missing, the hub's client is not installed, or there is neither a
            cached copy nor a network.
    """
    pinned = PINNED.fullmatch(name)
    if pinned is None:
        raise InputError(
            f"{name!r} is neither a directory here nor OWNER/NAME@COMMIT",
            field="model",
            remedy="for a repository of the Hugging Face hub add the 40 digits of a commit: what "
            "a name without one stands for may change",
        )
    if importlib.util.find_spec("huggingface_hub") is None:
        raise InputError(
            f"{name!r} needs the hub's client",
            field="model",
            remedy="pip install 'prm_jax[hub]', or give a directory",
        )
    if found := hub_directory(*pinned.groups()):
        return found
    raise InputError(
        f"{name!r} is not in the Hugging Face cache, and the hub gave no config.json and weights",
        field="model",
        remedy="look whether name and commit are right and the network is there, or give a "
        "directory",
    )


def hub_directory(repository, commit=None):
    """A snapshot of a hub repository from its local cache or the network; None without one.

    Offline it returns fast: one request with a short timeout decides whether the network is tried
    at all, and `HF_HUB_OFFLINE` rules it out.

    Args:
        repository: OWNER/NAME.
        commit: its 40 digits; None is the newest that is known.
    """
    try:
        import huggingface_hub as hub
    except ImportError:
        return None

    def snapshot(**options):
        options |= {"revision": commit, "allow_patterns": list(HUB_FILES)}
        directory = Path(hub.snapshot_download(repository, **options))
        whole = (directory / "config.json").is_file() and list(directory.glob("*.safetensors"))
        return directory if whole else None

    # The hub's client raises errors of many kinds when it is offline, and every one of them means
    # "look elsewhere".
    with contextlib.suppress(Exception):
        if cached := snapshot(local_files_only=True):
            return cached
    if hub.constants.HF_HUB_OFFLINE:
        return None
    with contextlib.suppress(Exception):
        hub.get_hf_file_metadata(
            hub.hf_hub_url(repository, "config.json", revision=commit), timeout=HUB_TIMEOUT_SECONDS
        )
        return snapshot()
    return None


def source_of(place) -> dict:
    """What a record says of the files behind a name: `path`; of a snapshot of the hub also
    `repository` and `commit`, of a file that was fetched its `sha256`.
    """
    place = Path(place)
    found: dict[str, str] = {"path": str(place)}
    if snapshot := SNAPSHOT.search(place.as_posix()):
        owner, name, commit = snapshot.groups()
        found |= {"repository": f"{owner}/{name}", "commit": commit}
    for name, artifact in table().items():
        places = [cached_path(name)]
        if "package" in artifact and place.name == Path(artifact["file"]).name:
            places.append(wheel_path(artifact["package"], artifact["file"]))
        if place in places:
            found["sha256"] = artifact["sha256"]
    return found


def verify(path, sha256):
    """Raises `InputError` unless the file has this sha256; a right one is not read again."""
    status = path.stat()
    fact = [status.st_size, status.st_mtime_ns, sha256]
    memory = cache_directory() / "verified.json"
    known = {}
    with contextlib.suppress(InputError):
        known = read_json(memory)
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
