"""Runs with objectives that read more than a head at step ends: trained, exported, scored."""

import json

import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.scoring import parse_scorer
from prm_jax.train import loop
from prm_jax.train.reference import read as read_reference
from prm_jax.weights import load_model

CANDIDATE = Trajectory("add to 3", ("3+0=3", "3+1=5", "3+2=5"))


@pytest.fixture
def config(config, tmp_path):
    """Two updates on 24 solutions of 6 problems with outcomes and a prover's labels."""
    rng = np.random.default_rng(0)
    path = tmp_path / "candidates.jsonl"
    with path.open("w") as file:
        for i in range(24):
            labels = [1, int(rng.random() < 0.7), i // 6 % 2]
            row = {"id": f"c{i}", "problem": f"add to {i % 6}", "labels": labels}
            row["steps"] = [
                f"{i % 6}+{j}={i % 6 + j + (not label)}" for j, label in enumerate(labels)
            ]
            row |= {"outcome": labels[-1], "meta": {"prover_labels": [0.9, None, 0.1]}}
            file.write(json.dumps(row) + "\n")
    config.steps = 2
    config.data.train = config.data.validation = str(path)
    return config


def trained(config, workdir, objective, **head):
    config.objective = objective
    config.model.head.update(head)
    loop.train(config, workdir, progress=False)
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


OTHERS = [
    ("bradley_terry", dict(kind="scalar"), "discriminative"),
    ("ordinal", dict(kind="linear", n_classes=5, reading="ratings"), "discriminative"),
    (
        "step_and_trajectory",
        dict(kind="linear", n_classes=2, reading="first"),
        "trajectory_reward(alpha=0.5)",
    ),
    (
        "prover_values",
        dict(kind="linear", n_classes=2, reading="first"),
        "effective_reward(alpha=0.5)",
    ),
    ("bce_every_token", dict(kind="easy_to_hard"), "discriminative"),
    ("orm_every_token", dict(kind="scalar"), "orm"),
    ("q_ranking", dict(kind="scalar", gate=True), "discriminative"),
    ("implicit_nca", dict(kind=""), 'implicit(mode="cumulative")'),
    ("implicit_kto", dict(kind=""), 'implicit(mode="step", reference="random")'),
]


@pytest.mark.parametrize(("objective", "head", "line"), OTHERS, ids=[name for name, *_ in OTHERS])
def test_a_run_trains_and_its_export_is_scored_the_same_alone_and_among_others(
    config, tmp_path, objective, head, line
):
    first, last = trained(config, tmp_path / "run", objective, **head)
    assert first["weight"] > 0 and np.isfinite(last["loss"]) and last["grad_norm"] > 0
    model, params, tokenizer = load_model(tmp_path / "run")
    scorer = parse_scorer(line, load=lambda path: load_model(tmp_path / "run"))
    (alone,) = scorer.score(model, params, tokenizer, [CANDIDATE])
    others = [Trajectory("q", ("one", "two" * n)) for n in range(5)]
    *_, among = scorer.score(model, params, tokenizer, [*others, CANDIDATE])
    known = [score for score in alone.step_scores if score is not None]
    assert known and all(0 <= score <= 1 for score in known)
    np.testing.assert_allclose(
        np.array(among.step_logits, float), np.array(alone.step_logits, float), atol=1e-5
    )


def test_a_cached_reference_is_the_reference_that_is_kept_and_is_made_once(config, tmp_path):
    config.steps = 3
    cached = trained(config, tmp_path / "cached", "implicit_dpo", kind="")
    config.reference = "params"
    kept = trained(config, tmp_path / "kept", "implicit_dpo", kind="")
    assert cached[-1]["validation/loss"] != pytest.approx(np.log(2), abs=1e-6)
    assert cached[0]["loss"] == pytest.approx(np.log(2), rel=1e-5)  # it is the reference still
    for one, other in zip(cached, kept, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-5)
    assert not (tmp_path / "kept/reference.npz").exists()
    made = (tmp_path / "cached/reference.npz").stat().st_mtime_ns
    config.reference = "cached"
    loop.train(config, tmp_path / "cached", progress=False)
    assert (tmp_path / "cached/reference.npz").stat().st_mtime_ns == made


def test_a_changed_bit_of_a_cached_reference_is_found(tmp_path, caplog):
    path, values = tmp_path / "reference.npz", np.arange(5, dtype=np.float32)
    np.savez(path, name=np.array("a"), values=values)
    np.testing.assert_array_equal(read_reference(path, "a", 5), values)
    assert read_reference(path, "b", 5) is None and read_reference(path, "a", 4) is None
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        found = read_reference(path, "a", 5)
        assert found is None or np.array_equal(found, values), place
    path.write_bytes(whole[:-30])
    assert read_reference(path, "a", 5) is None
    assert "reference.npz: is damaged" in caplog.messages[-1]


def test_adapters_have_their_base_as_the_reference(config, tmp_path):
    config.model.lora.rank = 2
    config.reference = "params"
    first, last = trained(config, tmp_path / "run", "implicit_ce", kind="")
    assert first["reward"] == pytest.approx(0, abs=1e-6) and last["grad_norm"] > 0
    load_model(tmp_path / "run")


def test_what_makes_no_sense_together_is_refused_with_the_reason(config, tmp_path):
    with pytest.raises(InputError, match="language model itself"):
        trained(config, tmp_path / "run", "implicit_ce", kind="scalar")
    with pytest.raises(InputError, match="reading"):
        trained(config, tmp_path / "run", "ordinal", kind="linear", n_classes=5)
    with pytest.raises(InputError, match="cached or params"):
        config.reference = "none"
        trained(config, tmp_path / "run", "implicit_ce", kind="")
