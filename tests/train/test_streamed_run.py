"""Training from array_record files: the same as from memory, and the same when continued."""

import json

import pytest

from prm_jax import formats
from prm_jax.errors import InputError
from prm_jax.formats import array_records
from prm_jax.train import loop


@pytest.fixture
def config(config, solutions, tmp_path):
    """`solutions` in three array_record files; all held-out ones are few enough to be found."""
    array_records.write(tmp_path / "set", formats.read(solutions), shard_size=25)
    config.data.train = f"{tmp_path}/set-*.array_record"
    return config


def metrics(workdir):
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    timed = ("seconds", "per_second")
    return [{k: v for k, v in row.items() if not any(t in k for t in timed)} for row in rows]


def test_a_run_that_was_stopped_goes_on_bit_by_bit_and_counts_what_it_drew(
    config, tmp_path, monkeypatch
):
    loop.train(config, tmp_path / "whole", progress=False)
    update = loop.placement.put_batch
    calls = []

    def stopping(batch, rows, mesh):
        calls.append(rows)
        if len(calls) > 5:  # in update 5: there was a validation, and a checkpoint at 4
            raise KeyboardInterrupt
        return update(batch, rows, mesh)

    monkeypatch.setattr(loop.placement, "put_batch", stopping)
    with pytest.raises(KeyboardInterrupt):
        loop.train(config, tmp_path / "stopped", progress=False)
    monkeypatch.setattr(loop.placement, "put_batch", update)
    assert 0 < len(metrics(tmp_path / "stopped")) < config.steps
    loop.train(config, tmp_path / "stopped", progress=False)
    assert metrics(tmp_path / "stopped") == metrics(tmp_path / "whole")
    reports = [
        json.loads((tmp_path / name / "data_report.json").read_text())
        for name in ("whole", "stopped")
    ]
    assert reports[0] == reports[1]
    drawn = reports[0]["drawn"]
    assert drawn["trajectories"] > 60 and drawn["left_out"]["held_out"] > 0
    assert reports[0]["train"]["streamed"] == 60
    weights = [
        (tmp_path / name / "export" / "model.safetensors").read_bytes()
        for name in ("whole", "stopped")
    ]
    assert weights[0] == weights[1]


def test_the_number_of_updates_must_be_given(config, tmp_path):
    config.steps = 0
    with pytest.raises(InputError, match="field 'steps': epochs of streamed data"):
        loop.train(config, tmp_path / "run", progress=False)
