"""A bare language model is refused before its weights are read, or scored by likelihood."""

import json

import jax
import pytest

from prm_jax.models import PRESETS, Decoder, init_params
from prm_jax.train.backbone import byte_tokenizer
from prm_jax.weights import export, hf


@pytest.fixture
def flags(tmp_path):
    model = Decoder(PRESETS["tiny-llama"])
    params = init_params(jax.random.key(0), model.config)
    tokenizer = byte_tokenizer()
    tokenizer.convention = None
    export(tmp_path / "model", model, params, tokenizer)
    (tmp_path / "in.jsonl").write_text('{"problem": "1+1", "steps": ["1+1=2", "so 2"]}\n')
    given = {"model": "model", "input": "in.jsonl", "output": "out.jsonl"}
    return [f"--{flag}={tmp_path / name}" for flag, name in given.items()]


def test_it_is_told_from_its_headers_what_to_do(command, flags, tmp_path, monkeypatch):
    monkeypatch.setattr(hf, "assemble", lambda *_, **__: pytest.fail("weights were read"))
    ended = command("score", *flags)
    assert ended.code == 2 and ended.err.count("\n") == 1, ended.err
    assert "language model without a head" in ended.err and "--scorer=mean_log_prob" in ended.err
    assert not (tmp_path / "out.jsonl").exists()


def test_its_likelihood_needs_no_convention(command, flags, tmp_path):
    files = []
    for more in ([], ["--convention=trl"]):
        ended = command("score", *flags, "--scorer=mean_log_prob", *more)
        assert not ended.code, ended.err
        files.append((tmp_path / "out.jsonl").read_text())
    assert files[0] == files[1] and all(json.loads(files[0])["step_scores"])
    meta = json.loads((tmp_path / "out.jsonl.meta.json").read_text())
    assert meta["convention"]["name"] == "trl" and meta["model_files"]["path"]
