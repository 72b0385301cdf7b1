"""A run that learns the weights of its sources."""

import json

import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.train import loop
from prm_jax.train.checkpoint import Checkpoints


@pytest.fixture
def config(config, solutions, tmp_path):
    """`solutions`, the same with every label turned round, and outcomes to judge them by."""
    rows = [json.loads(line) for line in solutions.read_text().splitlines()]
    turned = tmp_path / "turned.jsonl"
    with turned.open("w") as file:
        for row in rows:
            file.write(json.dumps({**row, "labels": [1 - label for label in row["labels"]]}) + "\n")
    config.data.train = f"{solutions},{turned}"
    config.data.validation_fraction = 0.0
    config.bilevel.meta = str(solutions)
    config.bilevel.unroll = 2
    return config


def metrics(workdir):
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if not k.endswith("_per_second")} for row in rows]


def test_weights_are_logged_kept_in_checkpoints_and_continued_bit_by_bit(
    config, tmp_path, monkeypatch
):
    loop.train(config, tmp_path / "whole", progress=False)
    rows = metrics(tmp_path / "whole")
    names = [f"weight/{name}" for name in config.data.train.split(",")]
    weights = np.array([[row[name] for name in names] for row in rows])
    np.testing.assert_allclose(weights.mean(1), 1, rtol=1e-6)
    assert (weights[0] == 1).all() and (weights[1:, 0] != 1).all()
    assert [("outer_loss" in row) for row in rows] == [False] + [True] * 5
    report = json.loads((tmp_path / "whole/data_report.json").read_text())
    assert report["meta"]["labels"] == report["meta"]["trajectories"] == 60

    put, calls = loop.placement.put_batch, []

    def stopping(*given):
        calls.append(1)
        if len(calls) > 4:  # in update 5; there is a checkpoint at 4
            raise KeyboardInterrupt
        return put(*given)

    monkeypatch.setattr(loop.placement, "put_batch", stopping)
    with pytest.raises(KeyboardInterrupt):
        loop.train(config, tmp_path / "stopped", progress=False)
    monkeypatch.setattr(loop.placement, "put_batch", put)
    assert Checkpoints(tmp_path / "stopped").latest() == 4
    loop.train(config, tmp_path / "stopped", progress=False)
    assert metrics(tmp_path / "stopped") == rows
    one, other = (tmp_path / run / "export/model.safetensors" for run in ("whole", "stopped"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("bilevel.method", "newton", "unknown method 'newton'"),
        ("bilevel.unroll", 0, "0 is below 1"),
        ("bilevel.learning_rate", 0.0, "not above 0"),
        ("microbatches", 2, "batches are not split"),
        ("model.feature_cache", "cache", "states are not cached"),
        ("model.dtype", "bfloat16", "finite differences are lost"),
    ],
)
def test_what_a_run_with_learnt_weights_cannot_do_is_refused(config, tmp_path, key, value, problem):
    config.update_from_flattened_dict({key: value})
    with pytest.raises(InputError, match=problem):
        loop.train(config, tmp_path / "run", progress=False)


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        ("{0}", "two different sources or more"),
        ("{0},{0}", "two different sources or more"),
        ("{0},{1}", "1 of 2 sources have nothing to learn from"),
    ],
)
def test_sources_that_have_no_weights_of_their_own_are_refused(
    config, solutions, tmp_path, sources, problem
):
    row = {"problem": "p", "steps": ["s"], "labels": [None]}
    (tmp_path / "empty.jsonl").write_text(json.dumps(row) + "\n")
    config.data.train = sources.format(solutions, tmp_path / "empty.jsonl")
    config.data.unlabelled = "drop"
    with pytest.raises(InputError, match=problem):
        loop.train(config, tmp_path / "run", progress=False)
