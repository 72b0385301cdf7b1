"""What a run does when its disk fills up, its checkpoints are damaged or the clock jumps."""

import json
import random
import resource
import shutil
import time

import pytest
from local_runs import checkpoints, forget_after, metrics

from configs import tiny
from prm_jax.errors import InputError
from prm_jax.train import checksums, loop
from prm_jax.train.array_file import ArrayFile
from prm_jax.train.checkpoint import load_for_inference
from prm_jax.train.damaged import set_aside_damaged
from prm_jax.weights import load_model
from prm_jax.weights.threshold import record_threshold, recorded_threshold

pytestmark = pytest.mark.slow

STEPS = 6


def configuration():
    config = tiny.get_config()
    values = {
        "steps": STEPS,
        "checkpoint_every": 2,
        "checkpoints_to_keep": 9,
        "eval_every": 0,
        "data.train": "synthetic:arithmetic?n=24&seed=0",
        "data.validation": "",
        "data.max_length": 256,
        "data.row_length": 256,
    }
    config.update_from_flattened_dict(values)
    return config


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The workdir of an undisturbed run."""
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    loop.train(configuration(), workdir, progress=False)
    return workdir


@pytest.fixture
def workdir(whole, tmp_path):
    """A copy of the undisturbed run."""
    return shutil.copytree(whole, tmp_path / "run")


def assert_same(workdir, whole):
    for name in ("model.safetensors", "config.json"):
        assert (workdir / "export" / name).read_bytes() == (whole / "export" / name).read_bytes()
    assert metrics(workdir) == metrics(whole)
    assert checkpoints(workdir) == checkpoints(whole)


def files_of(checkpoint):
    return [p for p in checkpoint.rglob("*") if p.is_file() and p.name != "commit_success.txt"]


def flip(path, bit=0x10):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= bit
    path.write_bytes(content)


def test_damage_to_any_file_of_a_checkpoint_is_found(workdir):
    checkpoint = workdir / "checkpoints/6"
    assert not checksums.damage(checkpoint) and len(files_of(checkpoint)) > 10
    for path in files_of(checkpoint):
        whole = path.read_bytes()
        if path.name != checksums.METADATA:  # one bit of its times is not missed
            flip(path)
            assert checksums.damage(checkpoint), f"a flipped bit in {path}"
        path.write_bytes(whole[: len(whole) // 2])
        assert checksums.damage(checkpoint), f"half of {path}"
        path.unlink()
        if path.name != checksums.CHECKSUMS:  # then it is as of an earlier version
            assert checksums.damage(checkpoint), f"without {path}"
        path.write_bytes(whole)
    assert not checksums.damage(checkpoint)


def test_any_changed_byte_of_the_checksums_is_found(workdir):
    checkpoint = workdir / "checkpoints/6"
    path = checkpoint / checksums.CHECKSUMS
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        assert checksums.damage(checkpoint) == "checksums.json is not what was written", place


def test_a_run_goes_on_from_the_newest_whole_checkpoint_and_says_so(workdir, whole, capfd):
    largest = max(files_of(workdir / "checkpoints/6"), key=lambda path: path.stat().st_size)
    flip(largest)
    (workdir / "checkpoints/8").mkdir()  # empty
    with pytest.raises(InputError, match="checkpoints/8: the checkpoint is damaged: .* is missing"):
        load_for_inference(workdir)
    shutil.rmtree(workdir / "export")
    loop.train(configuration(), workdir, progress=False)
    printed = capfd.readouterr().err
    name = largest.relative_to(workdir / "checkpoints/6")
    for words in ("checkpoint 8 is damaged: ", f"checkpoint 6 is damaged: {name} is not what was"):
        assert words in printed
    assert printed.count("the run goes on from checkpoint 4") == 2
    rows = [json.loads(line) for line in (workdir / "damaged/log.jsonl").read_text().splitlines()]
    assert [(row["checkpoint"], row["continued_from"]) for row in rows] == [(8, 4), (6, 4)]
    assert (workdir / "damaged/6" / name).is_file()
    assert_same(workdir, whole)


def test_no_checkpoint_is_half_removed_under_its_own_name(whole, tmp_path, monkeypatch):
    taken_apart, remove = [], shutil.rmtree

    def noted(path, *args, **options):
        taken_apart.append(str(path).split("/checkpoints/")[-1])
        remove(path, *args, **options)

    monkeypatch.setattr(shutil, "rmtree", noted)
    config = configuration()
    config.checkpoints_to_keep = 1
    workdir = tmp_path / "run"
    shutil.copytree(whole / "checkpoints/2", workdir / "checkpoints/removed/2")  # of a killed run
    loop.train(config, workdir, progress=False)
    assert [path.name for path in (workdir / "checkpoints").iterdir()] == ["6"]
    assert "removed" in taken_apart
    assert not [path for path in taken_apart if path.split("/")[0].isdigit()]


def test_a_run_whose_checkpoints_are_all_damaged_does_not_begin_anew(workdir):
    for step in checkpoints(workdir):
        largest = max(files_of(workdir / f"checkpoints/{step}"), key=lambda p: p.stat().st_size)
        largest.write_bytes(largest.read_bytes()[:-1])
    before = (workdir / "metrics.jsonl").read_bytes()
    for _ in range(2):  # the second start is told too
        with pytest.raises(InputError, match="every checkpoint is damaged; of the newest, 6"):
            loop.train(configuration(), workdir, progress=False)
    assert checkpoints(workdir) == [2, 4, 6] and not (workdir / "damaged").exists()
    assert (workdir / "metrics.jsonl").read_bytes() == before


def test_a_damaged_export_is_made_again_from_the_checkpoint(workdir, whole, capfd):
    record_threshold(workdir / "export", 0.25, "validation")
    flip(workdir / "export" / "model.safetensors")
    loop.train(configuration(), workdir, progress=False)
    printed = capfd.readouterr().err
    assert (
        "the export is damaged: model.safetensors is not what was written; it was moved" in printed
    )
    assert "is made again from the checkpoint" in printed
    assert_same(workdir, whole)
    assert (workdir / "damaged" / "export" / "model.safetensors").is_file()
    assert recorded_threshold(workdir)["value"] == 0.25
    loop.train(configuration(), workdir, progress=False)
    assert "damaged" not in capfd.readouterr().err
    cut = workdir / "export" / "model.safetensors"
    cut.write_bytes(cut.read_bytes()[:-9])
    with pytest.raises(InputError, match="truncated one; fetch it again, or give the training's"):
        load_model(workdir)


def test_a_checkpoint_without_checksums_that_cannot_be_read_is_named(workdir):
    checkpoint = workdir / "checkpoints/6"
    (checkpoint / checksums.CHECKSUMS).unlink()
    for path in files_of(checkpoint / "run"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    shutil.rmtree(workdir / "export")
    with pytest.raises(InputError, match="6: cannot be read: .*; remove this checkpoint"):
        load_for_inference(workdir)


def test_a_checkpoint_without_checksums_is_taken_as_it_is(workdir):
    (workdir / "checkpoints/6" / checksums.CHECKSUMS).unlink()
    assert set_aside_damaged(workdir) == [] and checkpoints(workdir) == [2, 4, 6]


def test_a_clock_that_jumps_changes_neither_the_run_nor_what_it_continues(
    workdir, whole, monkeypatch
):
    rng, true = random.Random(0), time.time_ns
    hour = 3600 * 10**9

    def jumping():
        return true() + rng.randrange(-48, 48) * hour

    monkeypatch.setattr(time, "time_ns", jumping)
    monkeypatch.setattr(time, "time", lambda: jumping() / 1e9)
    forget_after(workdir, 2)
    (workdir / "checkpoints/2").touch()  # the newest by its date, also where it is not by number
    loop.train(configuration(), workdir, progress=False)
    assert_same(workdir, whole)
    rates = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert all(0 < row["tokens_per_second"] < 1e7 for row in rates)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_checkpoint_without_room_stops_the_run_which_goes_on_from_the_last(workdir, whole):
    forget_after(workdir, 2)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))
    try:
        with pytest.raises(InputError) as caught:
            loop.train(configuration(), workdir, progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    for words in ("checkpoints/4: cannot be written", "it takes ", "are free", "make room, or"):
        assert words in str(caught.value), str(caught.value)
    assert [path.name for path in (workdir / "checkpoints").iterdir()] == ["2"]
    assert not checksums.damage(workdir / "checkpoints/2") and not (workdir / "export").exists()
    loop.train(configuration(), workdir, progress=False)
    assert_same(workdir, whole)


def test_room_for_a_cache_is_taken_before_it_is_filled(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))
    try:
        with pytest.raises(InputError, match=r"states.bin: cannot be written: .*it takes 1\.0 MB"):
            ArrayFile(tmp_path / "cache", "float32", (1000, 250), "batches")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    cache = ArrayFile(tmp_path / "cache", "float32", (1000, 250), "batches")
    assert cache.done == 0 and not cache.values.any()
    assert (tmp_path / "cache/states.bin").stat().st_blocks * 512 >= 1_000_000
