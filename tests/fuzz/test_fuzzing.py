"""Whatever is damaged in an input, its reader answers or refuses it in one short line."""

import json
import struct
import time

import fuzzed_readers
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prm_jax.data.sources import parse_sources, read_source
from prm_jax.errors import InputError
from prm_jax.evaluate.inputs import stored_scores
from prm_jax.records import Trajectory, read_jsonl, write_jsonl
from prm_jax.report.training_log import training_panels
from prm_jax.text import Tokenizer
from prm_jax.train import config as config_lib
from prm_jax.weights import peft_adapter
from prm_jax.weights.gguf_parts import open_file
from prm_jax.weights.hf_config import read_config
from prm_jax.weights.safetensors_files import INDEX, SafetensorsDirectory

FEW = 12  # of each reader; tests/fuzz/long_run.py gives them by the hundred thousand


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    return fuzzed_readers.readers(tmp_path_factory.mktemp("fuzz"))


def names():
    return fuzzed_readers.NAMES


@pytest.mark.parametrize("name", names())
def test_damaged_input_is_answered_or_refused_in_a_short_line(name, readers):
    @settings(
        max_examples=FEW,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32))
    def attempts(seed):
        fuzzed_readers.attempt(readers[name], seed)

    attempts()


def test_the_names_are_those_of_all_readers(readers):
    assert set(readers) == set(fuzzed_readers.NAMES)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_type", ["llama"]),
        ("layer_types", [["full_attention"]]),
        ("layer_types", 3),
        ("rms_norm_eps", "1e-5"),
        ("query_pre_attn_scalar", [12]),
        ("query_pre_attn_scalar", -1),
        ("attention_bias", "false"),
        ("hidden_activation", [1]),
        ("rope_scaling", {"rope_type": [1]}),
        ("sliding_window", [6]),
        ("head_dim", 10**400),
    ],
)
def test_a_field_of_another_kind_is_named(field, value):
    sliding = {"layer_types": ["sliding_attention"] * 3}
    with pytest.raises(InputError) as caught:
        read_config(fuzzed_readers.GEMMA | sliding | {field: value}, "config.json")
    assert caught.value.file == "config.json"
    assert caught.value.field in (field, "rope_type")


def test_a_list_that_goes_on_after_the_file_is_refused_before_it_is_read(tmp_path):
    """Of numbers, since their reader goes through as many as the file says."""
    field = b"list"
    head = b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, len(field)) + field
    for count in (5, 10_000):
        raw = head + struct.pack("<IIQ", 9, 4, count) + np.arange(4, dtype=np.uint32).tobytes()
        (tmp_path / "m.gguf").write_bytes(raw)
        began = time.monotonic()
        with pytest.raises(InputError, match="truncated") as caught:
            open_file(tmp_path / "m.gguf")
        assert "ends within an array" in str(caught.value.__cause__)
        assert time.monotonic() - began < 1


def test_small_files_of_another_kind_are_refused(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("[1]\n")
    with pytest.raises(InputError, match="metrics.jsonl:1: field 'step'"):
        training_panels(tmp_path / "metrics.jsonl")
    (tmp_path / "metrics.jsonl").write_text(json.dumps({"step": 1, "loss": 10**400}) + "\n")
    assert training_panels(tmp_path / "metrics.jsonl") == ()
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {"a": "\ud800.safetensors"}}))
    with pytest.raises(InputError, match="not a safetensors file"):
        SafetensorsDirectory(tmp_path)
    with pytest.raises(InputError, match="field 'seed'"):
        config_lib.from_json({"seed": [1]}, "config.json")
    with pytest.raises(InputError, match="field 'data.rows'"):
        config_lib.from_json({"data": {"rows": {}}}, "config.json")
    (tmp_path / peft_adapter.CONFIG).write_text('{"task_type": ["TOKEN_CLS"]}')
    assert not peft_adapter.brings_head(tmp_path)
    fuzzed_readers.byte_tokenizer().save(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": [1, {"name": "default"}]}')
    assert Tokenizer.from_dir(tmp_path).chat_template is None
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": 3}')
    with pytest.raises(InputError, match="field 'chat_template'"):
        Tokenizer.from_dir(tmp_path)


def test_numbers_without_a_float_and_similarities_that_are_none_are_refused(tmp_path):
    row = Trajectory("p", ("a",), id="i", meta={"k": 10**400})
    with pytest.raises(InputError, match="not one number per step"):
        stored_scores("k", [row], "f.jsonl")
    write_jsonl(tmp_path / "a.jsonl", fuzzed_readers.OWN)
    for near in ("near", "0", "1.5"):
        line = f"{tmp_path}/a.jsonl?exclude={tmp_path}/a.jsonl&exclude_near={near}"
        with pytest.raises(InputError, match="field 'exclude_near'"):
            read_source(parse_sources(line)[0])


@pytest.mark.parametrize("name", ["a" * 5000, "a\ud800.jsonl", "a\0b"])
def test_what_cannot_be_the_name_of_a_file_is_refused(name):
    with pytest.raises(InputError):
        read_source(parse_sources(name)[0])
    with pytest.raises(InputError):
        next(read_jsonl(name))


def test_a_message_stays_short_however_long_the_input():
    error = InputError("x" * 10_000, field="f" * 10_000, file="a.jsonl", remedy="shorten it")
    assert len(str(error)) < 1200 and str(error).endswith("; shorten it")
