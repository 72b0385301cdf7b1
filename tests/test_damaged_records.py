"""Records that are damaged: one line that names the file, the field and what to do."""

import dataclasses
import json
import os

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from prm_jax.calibration.sdm.estimator import SDM
from prm_jax.calibration.sdm.files import BY_CLASS, load_sdm, save_sdm
from prm_jax.errors import InputError
from prm_jax.evaluate.inputs import read_scores
from prm_jax.json_files import read_json
from prm_jax.models import PRESETS, Decoder, HeadConfig, init_params
from prm_jax.records import Trajectory
from prm_jax.report.threshold import find_threshold
from prm_jax.train import checksums
from prm_jax.train.backbone import byte_tokenizer
from prm_jax.train.checkpoint import load_for_inference
from prm_jax.train.config import default_config, to_json
from prm_jax.train.run_record import check_data, check_workdir
from prm_jax.weights import export, load_model
from prm_jax.weights.mixture import load_mixture
from prm_jax.weights.threshold import recorded_threshold
from prm_jax.weights.uncertainty import load_uncertainty_head

DIRECTORY, LINK = "a directory", "a link to itself"
RAW = {
    DIRECTORY: None,
    LINK: None,
    "nothing": b"",
    "not UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "cut": b'{"a": ',
    "a list": b"[1]",
    "null": b"null",
    "lists in lists": b"[" * 100_000,
    "objects in objects": b'{"a":' * 100_000,
    "a number of 5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
}
"""What may lie where a JSON object should."""


def put(path, content):
    """Puts one of RAW, or a value, in the place of a file."""
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if content == DIRECTORY:
        path.mkdir()
    elif content == LINK:
        path.symlink_to(path)
    elif isinstance(content, str):
        path.write_bytes(RAW[content])
    else:
        path.write_text(json.dumps(content))


def assert_refused(read, file, *words):
    with pytest.raises(InputError) as error:
        read()
    message = str(error.value)
    assert "\n" not in message and len(message) < 1500
    for word in (str(file), "; ", *words):
        assert word in message, (word, message)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """An export of a tiny model in several files, with all that a record may hold."""
    tokenizer, model = byte_tokenizer(), Decoder(PRESETS["tiny-llama"], head=HeadConfig("scalar"))
    params = init_params(jax.random.key(0), model.config, model.head)
    directory = tmp_path_factory.mktemp("models") / "good"
    export(directory, model, params, tokenizer, max_shard_bytes=100_000)
    return directory


@pytest.fixture
def model(good, tmp_path):
    """A copy to be damaged, made of links to files that are replaced and never changed."""
    (tmp_path / "model").mkdir()
    for file in good.iterdir():
        os.link(file, tmp_path / "model" / file.name)
    return tmp_path / "model"


MODEL_FILES = (
    "config.json",
    "prm_jax.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.json",
    "adapter_config.json",
    "model.safetensors.index.json",
)


@pytest.mark.parametrize("content", RAW)
@pytest.mark.parametrize("name", MODEL_FILES)
def test_what_is_no_json_object_is_named_by_its_file(name, content, model):
    put(model / name, content)
    assert_refused(lambda: load_model(model), model / name)


@pytest.mark.parametrize("content", [DIRECTORY, LINK, "not UTF-8"])
def test_a_chat_template_that_is_no_text_is_named(content, model):
    put(model / "chat_template.jinja", content)
    assert_refused(lambda: load_model(model), model / "chat_template.jinja")


def test_weights_that_are_a_directory_are_named(model):
    [first, *_] = sorted(model.glob("model-*"))
    put(first, DIRECTORY)
    assert_refused(lambda: load_model(model), first, "not a safetensors file")


FIELDS = (
    *(
        ("prm_jax.json", "head", value)
        for value in (3, "scalar", {"kind": 3}, {"kind": "x"}, {"n_classes": "2"}, {"sort": "x"})
    ),
    *(("prm_jax.json", "convention", value) for value in (3, "trl", {}, {"name": 3}, {"x": 1})),
    *(("prm_jax.json", "aggregation", value) for value in (3, ["min"])),
    ("prm_jax.json", "training", "yes"),
    *(("prm_jax.json", "threshold", value) for value in (0.5, "0.5")),
    *(("config.json", "architectures", value) for value in (3, "LlamaForCausalLM", [3])),
    *(("config.json", "rms_norm_eps", value) for value in (None, "1e-5", [1])),
    *(("config.json", "hidden_size", value) for value in (None, "64", 0, 2**70, True)),
    *(("config.json", "rope_theta", value) for value in ("1e4", [1])),
    ("config.json", "value_head_prefix", 3),
    ("config.json", "layer_types", [3]),
    *(("tokenizer_config.json", "bos_token", value) for value in (3, ["<s>"], True)),
    *(("tokenizer_config.json", "extra_special_tokens", value) for value in (3, "<s>", [3])),
    *(("tokenizer_config.json", "added_tokens_decoder", value) for value in (3, [1], {"a": "x"})),
    ("tokenizer_config.json", "model_specific_special_tokens", [1]),
    ("tokenizer_config.json", "chat_template", 3),
    *(("special_tokens_map.json", "eos_token", value) for value in (3, ["</s>"])),
    ("added_tokens.json", "<x>", "300"),
    *(("model.safetensors.index.json", "weight_map", value) for value in (None, 3, {"a": 3})),
    ("adapter_config.json", "peft_type", 3),
)


@pytest.mark.parametrize(("name", "field", "value"), FIELDS)
def test_a_field_of_another_kind_is_named_by_file_and_field(name, field, value, model):
    file = model / name
    values = json.loads(file.read_text()) if file.is_file() else {}
    put(file, {**values, field: value})
    shown = field if name != "added_tokens.json" else "<x>"
    assert_refused(lambda: load_model(model), file, shown)


@pytest.fixture
def run(tmp_path):
    """A workdir as a run with a checkpoint leaves it, without the checkpoint's content."""
    config = default_config()
    put(tmp_path / "run" / "config.json", to_json(config))
    put(tmp_path / "run" / "data_report.json", {"train": {"fingerprint": "f"}})
    (tmp_path / "run" / "checkpoints" / "3").mkdir(parents=True)
    return tmp_path / "run"


@pytest.mark.parametrize("content", RAW)
def test_damaged_records_of_a_run_are_named(content, run):
    check_workdir(run, default_config())
    check_data(run, {"train": {"fingerprint": "f"}})
    put(run / "config.json", content)
    put(run / "data_report.json", content)
    assert_refused(lambda: check_workdir(run, default_config()), run / "config.json")
    assert_refused(lambda: load_for_inference(run), run / "config.json")
    reports = {"train": {"fingerprint": "f"}}
    assert_refused(lambda: check_data(run, reports), run / "data_report.json")


def test_fields_of_a_run_of_another_kind_are_named(run):
    put(run / "data_report.json", {"train": "yes"})
    reports = {"train": {"fingerprint": "f"}}
    assert_refused(lambda: check_data(run, reports), run / "data_report.json", "'train'")
    put(run / "config.json", {**to_json(default_config()), "data": [1]})
    assert_refused(lambda: load_for_inference(run), run / "config.json", "field 'data'")


@pytest.mark.parametrize("content", [*RAW, {"files": 3}, {"files": {"a": 3}, "crc32": "0"}, {}])
def test_checksums_that_are_not_what_was_written_are_damage(content, tmp_path):
    (tmp_path / "params").mkdir()
    (tmp_path / "run").mkdir()
    put(tmp_path / checksums.METADATA, {"a": 1})
    checksums.write(tmp_path)
    assert not checksums.damage(tmp_path)
    put(tmp_path / checksums.CHECKSUMS, content)
    assert checksums.damage(tmp_path) == f"{checksums.CHECKSUMS} is not what was written"
    put(tmp_path / checksums.METADATA, "cut")
    assert checksums.damage(tmp_path) == f"{checksums.METADATA} is not what was written"


LAYERS = {
    "sdm.json": (load_sdm, "n_classes"),
    "mixture.json": (load_mixture, "categories"),
    "uncertainty_head.json": (load_uncertainty_head, "head"),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("content", [*RAW, {}, "field"])
def test_damaged_records_of_added_layers_are_named(name, content, tmp_path):
    read, field = LAYERS[name]
    put(tmp_path / name, {field: True} if content == "field" else content)
    words = [f"field '{field}'"] if content in ({}, "field") else []
    assert_refused(lambda: read(tmp_path), tmp_path / name, *words)


AXES = {"D": 3, "M": 4, "C": 2, "K": 5, "L": 2}


@pytest.fixture
def sdm(tmp_path):
    """The directory of an estimator of ones."""
    of_classes = {name: (np.ones(5), np.ones(5)) for name in BY_CLASS}
    names = [field.name for field in dataclasses.fields(SDM) if field.name not in of_classes]
    axes = {name: name.rpartition("_")[2] if name[-1].isupper() else "" for name in names}
    arrays = {name: np.ones([AXES[axis] for axis in axes[name]]) for name in names}
    save_sdm(tmp_path / "sdm", SDM(**arrays, **of_classes), {})
    return tmp_path / "sdm"


@pytest.mark.parametrize(
    ("name", "array", "problem"),
    [
        ("kernel_DM", np.ones((3, 5), "f4"), "bias_M of shape [4] does not fit the others"),
        ("bias_C", np.ones(3, "f4"), "bias_C of shape [3] does not fit the others"),
        ("bias_C", np.ones((2, 1), "f4"), "bias_C of shape [2, 1] does not fit the others"),
        ("class_d0/2", np.ones(3, "f4"), "class_d0 is not of 2 classes"),
        ("class_d0/1", None, "class_d0 is not of 2 classes"),
        ("mean", np.array(np.nan, "f4"), "field 'mean': holds NaN"),
        ("mean", np.array(1, "i4"), "mean stored as I32"),
        ("psi_LC", None, "has no psi_LC"),
    ],
)
def test_tensors_of_an_estimator_that_do_not_fit_are_named(name, array, problem, sdm):
    load_sdm(sdm)
    tensors = load_file(sdm / "model.safetensors")
    tensors.pop(name, None)
    save_file(tensors | ({} if array is None else {name: array}), sdm / "model.safetensors")
    assert_refused(lambda: load_sdm(sdm), sdm, problem)


@pytest.mark.parametrize("content", RAW)
def test_what_lies_beside_scores_is_read_or_named(content, tmp_path):
    scores = tmp_path / "scores.jsonl"
    scores.write_text('{"id": "a", "step_scores": [0.5]}\n')
    solutions = [Trajectory(problem="p", steps=["s"], id="a")]
    assert read_scores(scores, solutions) == [[0.5]]
    assert find_threshold(None, scores)[0] == 0.5
    meta = tmp_path / "scores.jsonl.meta.json"
    put(meta, content)
    assert_refused(lambda: read_scores(scores, solutions), meta)
    assert_refused(lambda: find_threshold(None, scores), meta)


def test_a_threshold_without_a_number_is_no_default(tmp_path):
    for threshold in ({}, {"value": "0.2"}, 0.2):
        put(tmp_path / "scores.jsonl.meta.json", {"threshold": threshold})
        file = tmp_path / "scores.jsonl.meta.json"
        assert_refused(lambda: find_threshold(None, tmp_path / "scores.jsonl"), file, "threshold")
        put(tmp_path / "prm_jax.json", {"threshold": threshold})
        file = tmp_path / "prm_jax.json"
        assert_refused(lambda: recorded_threshold(tmp_path), file, "threshold")


def test_what_is_not_there_is_allowed_only_where_it_may_be(tmp_path):
    assert read_json(tmp_path / "none.json", optional=True) == {}
    with pytest.raises(InputError, match="none.json: no such file"):
        read_json(tmp_path / "none.json")
