"""Layouts of checkpoints that other libraries write: names of tensors, heads, and which files."""

import json
import logging

import numpy as np
import pytest
import tiny_models as tiny
from safetensors.numpy import load_file, save_file

from prm_jax import load_model
from prm_jax.errors import InputError
from prm_jax.models import HeadConfig
from prm_jax.records import Trajectory
from prm_jax.scoring import parse_scorer
from prm_jax.text import CONVENTIONS
from prm_jax.weights import export
from prm_jax.weights.added_layers import read_layers, save_layers
from prm_jax.weights.safetensors_files import save_tensors

ONE = "model.safetensors"
INDEX = "model.safetensors.index.json"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A language model and a scalar head as plain tensors, and their directory."""
    directory = tmp_path_factory.mktemp("made") / "m"
    model, params = tiny.model("llama", HeadConfig("scalar"))
    export(directory, model, params, tiny.tokenizer())
    (directory / "prm_jax.json").unlink()
    tensors = load_file(directory / ONE)
    head = {key: tensors.pop(key) for key in ("score.weight", "score.bias")}
    return directory, tensors, head, params


@pytest.fixture
def write(made, tmp_path):
    """Writes a directory from tensors and fields of config.json; returns it."""

    def to(tensors, architecture="LlamaForCausalLM", files=None, **fields):
        directory = tmp_path / "m"
        directory.mkdir(exist_ok=True)
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            (directory / name).write_bytes((made[0] / name).read_bytes())
        values = json.loads((directory / "config.json").read_text())
        for name in ("id2label", "label2id"):
            values.pop(name, None)
        values |= {"architectures": [architecture], **fields}
        (directory / "config.json").write_text(json.dumps(values))
        for name, part in ({ONE: tensors} | (files or {})).items():
            if part is not None:
                save_file(part, directory / name, {"format": "pt"})
        return directory

    return to


def renamed(tensors, prefix="", **names):
    return {prefix + names.get(key, key): value for key, value in tensors.items()}


def head_named(head, name):
    return {f"{name}.{key.rsplit('.', 1)[1]}": value for key, value in head.items()}


PREFIXES = ("_orig_mod.", "module.", "pretrained_model.", "base_model.model.", "model.", "a.b.")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_around_the_model_is_taken_off(prefix, made, write):
    _, tensors, head, params = made
    directory = write(renamed(tensors | head, prefix), "LlamaForTokenClassification")
    model, back, tokenizer = load_model(directory)
    tiny.assert_identical(back, params)
    assert model.head == HeadConfig("scalar") and tokenizer.convention == CONVENTIONS["trl"]


def test_a_head_may_stand_outside_the_inner_of_two_prefixes(made, write):
    _, tensors, head, params = made
    named = renamed(tensors, "module.pretrained_model.")
    named |= renamed(head_named(head, "v_head.summary"), "module.")
    tiny.assert_identical(load_model(write(named))[1], params)


def test_names_without_model_are_a_bare_backbone(made, write):
    _, tensors, head, params = made
    bare = {key.removeprefix("model."): value for key, value in (tensors | head).items()}
    tiny.assert_identical(load_model(write(bare, "LlamaForTokenClassification"))[1], params)


def test_wrappers_inside_names_are_taken_out(made, write):
    _, tensors, head, params = made
    inside = {
        key.replace("layers.", "_fsdp_wrapped_module.layers.").replace(
            ".mlp.", "._checkpoint_wrapped_module.mlp."
        ): value
        for key, value in (tensors | head).items()
    }
    directory = write(inside, "LlamaForTokenClassification")
    tiny.assert_identical(load_model(directory)[1], params)


def test_two_tensors_of_one_name_are_refused_in_one_line(made, write):
    _, tensors, head, _ = made
    both = tensors | head | {"_orig_mod.model.norm.weight": tensors["model.norm.weight"]}
    with pytest.raises(InputError, match="are both model.norm.weight"):
        load_model(write(both, "LlamaForTokenClassification"))


def test_a_message_names_a_few_tensors_of_many(made, write):
    _, tensors, _, _ = made
    strange = {f"strange.{key}": value for key, value in tensors.items()}
    strange |= {f"other.{key}": value for key, value in tensors.items()}
    with pytest.raises(InputError, match=r"missing tensors: .* and \d+ more; tensors that") as e:
        load_model(write(strange))
    assert len(str(e.value)) < 500


HEADS = {
    "Skywork-o1-Open-PRM": ("LlamaForPrmModel", "v_head.summary", "skywork", ""),
    "TRL's value head": ("LlamaForCausalLM", "v_head.summary", "outcome", "pretrained_model."),
    "TRL's value head without a prefix": ("LlamaForCausalLM", "v_head.summary", "outcome", ""),
    "OpenRLHF": ("RewardModel", "score", "outcome", ""),
    "OpenRLHF, earlier": ("LLMForSequenceRegression", "value_head", "outcome", ""),
    "OpenRLHF, own name": ("RewardModel", "my_head", "outcome", ""),
    "a sequence classifier": ("LlamaForSequenceClassification", "score", "outcome", ""),
    "a token classifier": ("LlamaForTokenClassification", "score", "trl", ""),
}


@pytest.mark.parametrize("layout", HEADS)
def test_a_head_is_what_its_tensors_are(layout, made, write):
    _, tensors, head, params = made
    architecture, name, convention, prefix = HEADS[layout]
    fields = {"value_head_prefix": "my_head"} if name == "my_head" else {}
    directory = write(renamed(tensors, prefix) | head_named(head, name), architecture, **fields)
    model, back, tokenizer = load_model(directory)
    assert model.head == HeadConfig("scalar")
    assert tokenizer.convention == CONVENTIONS[convention]
    tiny.assert_identical(back, params)


def test_a_value_head_in_its_own_file_is_read(made, write):
    _, tensors, head, params = made
    beside = {"value_head.safetensors": head_named(head, "v_head.summary")}
    model, back, tokenizer = load_model(write(tensors, files=beside))
    assert model.head == HeadConfig("scalar") and tokenizer.convention.name == "outcome"
    tiny.assert_identical(back, params)


def test_a_value_head_that_is_pickled_is_named(made, write):
    directory = write(made[1])
    (directory / "value_head.bin").write_bytes(b"")
    with pytest.raises(InputError, match=r"value_head.bin.*save it as value_head.safetensors"):
        load_model(directory)


@pytest.mark.parametrize("n_labels", [1, 2])
def test_qwens_outcome_and_process_reward_models_have_one_layout(n_labels, made, write):
    _, tensors, head, _ = made
    width = head["score.weight"].shape[1]
    random = np.random.default_rng(0)
    two_layers = {
        "score.0.weight": random.normal(size=(width, width)).astype("f4"),
        "score.0.bias": random.normal(size=width).astype("f4"),
        "score.2.weight": random.normal(size=(n_labels, width)).astype("f4"),
        "score.2.bias": random.normal(size=n_labels).astype("f4"),
    }
    name = "Qwen2ForRewardModel" if n_labels == 1 else "Qwen2ForProcessRewardModel"
    model, _, tokenizer = load_model(write(tensors | two_layers, name))
    assert model.head == HeadConfig("mlp", n_labels)
    assert tokenizer.convention.name == ("outcome" if n_labels == 1 else "qwen")


@pytest.mark.parametrize("line", ["two_token", "mean_log_prob", "implicit"])
def test_without_an_unembedding_no_scorer_reads_the_vocabulary(line, made, write):
    _, tensors, head, _ = made
    kept = {key: value for key, value in (tensors | head).items() if key != "lm_head.weight"}
    loaded = load_model(write(kept, "LlamaForTokenClassification"))
    solutions = [Trajectory("1+1?", ("2",), id="a")]
    with pytest.raises(InputError, match=r"no unembedding \(lm_head.weight\).*own head"):
        parse_scorer(line, load_model).score(*loaded, solutions)


def test_a_class_with_a_head_needs_one(made, write):
    with pytest.raises(InputError, match=r"weights hold none \(score.weight\)"):
        load_model(write(made[1], "LlamaForSequenceClassification"))


def sharded(tensors, names, stale=()):
    """`(files, index)` with every second tensor in the second file."""
    files = {name: {} for name in names}
    listed = {key: names[i % len(names)] for i, key in enumerate(sorted(tensors))}
    for key, name in listed.items():
        files[name][key] = tensors[key]
    return files, {"metadata": {}, "weight_map": listed}


@pytest.fixture
def warnings(caplog):
    """What is logged as warnings, each once."""
    caplog.set_level(logging.WARNING, "absl")
    return lambda: {r.getMessage() for r in caplog.records if r.levelno == logging.WARNING}


NAMES = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def test_one_file_counts_before_old_shards_and_they_are_mentioned(made, write, warnings):
    _, tensors, head, params = made
    new = tensors | head
    files, index = sharded({key: -value for key, value in new.items()}, NAMES)
    directory = write(new, "LlamaForTokenClassification", files)
    (directory / INDEX).write_text(json.dumps(index))
    tiny.assert_identical(load_model(directory)[1], params)
    (message,) = [text for text in warnings() if "not read" in text]
    assert NAMES[0] in message and INDEX in message and "\n" not in message


def test_of_two_copies_that_in_the_file_of_the_index_counts(made, write, warnings):
    _, tensors, head, params = made
    files, index = sharded(tensors | head, NAMES)
    for name in NAMES:
        other = files[NAMES[name == NAMES[0]]]
        moved = next(key for key in sorted(other) if index["weight_map"][key] != name)
        files[name][moved] = -other[moved]
    directory = write(None, "LlamaForTokenClassification", files)
    (directory / INDEX).write_text(json.dumps(index))
    tiny.assert_identical(load_model(directory)[1], params)
    (message,) = warnings()
    assert "in several files: " in message and "that the index names are read" in message


def test_an_index_may_list_what_nothing_needs_and_not_list_what_is_there(made, write):
    _, tensors, head, params = made
    files, index = sharded(tensors | head, NAMES)
    index["weight_map"]["model.layers.0.self_attn.rotary_emb.inv_freq"] = NAMES[0]
    del index["weight_map"]["score.weight"]
    directory = write(None, "LlamaForTokenClassification", files)
    (directory / INDEX).write_text(json.dumps(index))
    tiny.assert_identical(load_model(directory)[1], params)


def test_what_an_index_lists_and_the_model_needs_must_be_there(made, write):
    _, tensors, head, _ = made
    files, index = sharded(tensors | head, NAMES)
    del files[index["weight_map"]["model.norm.weight"]]["model.norm.weight"]
    directory = write(None, "LlamaForTokenClassification", files)
    (directory / INDEX).write_text(json.dumps(index))
    with pytest.raises(InputError, match="missing tensors that the index lists: model.norm.weight"):
        load_model(directory)


def test_an_index_names_only_files_beside_it(made, write, tmp_path):
    _, tensors, head, _ = made
    files, index = sharded(tensors | head, NAMES)
    directory = write(None, "LlamaForTokenClassification", files)
    (directory / NAMES[1]).rename(directory.parent / NAMES[1])
    for outside in (f"../{NAMES[1]}", str(directory.parent / NAMES[1]), "..", ""):
        places = {NAMES[0]: NAMES[0], NAMES[1]: outside}
        named = {key: places[file] for key, file in index["weight_map"].items()}
        (directory / INDEX).write_text(json.dumps({"weight_map": named}))
        with pytest.raises(InputError, match="'weight_map': names .* no file beside it"):
            load_model(directory)


def test_a_tied_model_may_store_only_its_unembedding_or_list_it_in_vain(tmp_path):
    model, params = tiny.model("qwen2")
    export(tmp_path / "m", model, params, tiny.tokenizer())
    tensors = load_file(tmp_path / "m" / ONE)
    files, index = sharded(tensors, NAMES)
    index["weight_map"]["lm_head.weight"] = NAMES[1]
    (tmp_path / "m" / ONE).unlink()
    for name, part in files.items():
        save_file(part, tmp_path / "m" / name)
    (tmp_path / "m" / INDEX).write_text(json.dumps(index))
    tiny.assert_identical(load_model(tmp_path / "m")[1], params)
    tensors["lm_head.weight"] = tensors.pop("model.embed_tokens.weight")
    save_file(tensors, tmp_path / "m" / ONE)
    tiny.assert_identical(load_model(tmp_path / "m")[1], params)


def test_config_may_name_the_file(made, write):
    _, tensors, head, params = made
    files = {"other.safetensors": tensors | head}
    wrong = {key: -value for key, value in (tensors | head).items()}
    options = dict(files=files, transformers_weights="other.safetensors")
    directory = write(wrong, "LlamaForTokenClassification", **options)
    tiny.assert_identical(load_model(directory)[1], params)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("model.fp16.safetensors", "has neither .* but model.fp16.safetensors; rename it"),
        ("consolidated.safetensors", "but consolidated.safetensors; rename it"),
    ],
)
def test_a_file_of_another_name_is_named(name, problem, made, write):
    with pytest.raises(InputError, match=problem):
        load_model(write(None, files={name: made[1]}))


def test_quantised_weights_are_refused_by_name(made, write):
    _, tensors, head, _ = made
    quantised = dict(quantization_config={"quant_method": "gptq", "bits": 4})
    with pytest.raises(InputError, match="weights quantised by gptq are not read; dequantise"):
        load_model(write(tensors | head, **quantised))
    key = "model.layers.0.mlp.up_proj"
    packed = {**tensors, f"{key}.qweight": np.zeros((4, 4), np.int32)}
    with pytest.raises(InputError, match=f"quantised weights: {key}.qweight"):
        load_model(write(packed))
    with pytest.raises(InputError, match=f"{key}.weight stored as I8: quantised"):
        load_model(write(tensors | {f"{key}.weight": tensors[f"{key}.weight"].astype(np.int8)}))


def test_an_adapter_that_was_not_merged_is_refused_by_name(made, write):
    layer = "model.layers.0.self_attn.q_proj"
    tensors = made[1] | {f"{layer}.lora_A.weight": np.zeros((2, 4), "f4")}
    with pytest.raises(InputError, match=r"not merged: .*lora_A.*merge_and_unload"):
        load_model(write(tensors))


def test_tokens_of_any_text_need_rows_of_the_embedding(made, write):
    _, tensors, head, _ = made
    short = tensors | {"model.embed_tokens.weight": tensors["model.embed_tokens.weight"][:250]}
    short["lm_head.weight"] = short["lm_head.weight"][:250]
    with pytest.raises(InputError, match="has 253 ids and the embedding 250 rows, none for"):
        load_model(write(short | head, "LlamaForTokenClassification", vocab_size=250))


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_in_column_major_order_are_written_as_they_read(order, tmp_path):
    array = np.asarray(np.arange(12, dtype=np.float32).reshape(3, 4), order=order)
    save_tensors(tmp_path / "a.safetensors", {"a": array, "t": array.T, "s": array[::2, 1:]})
    back = load_file(tmp_path / "a.safetensors")
    for name, expected in {"a": array, "t": array.T, "s": array[::2, 1:]}.items():
        np.testing.assert_array_equal(back[name], expected)
    save_layers(tmp_path / "layers", "record.json", {"x": {"y": array}}, {})
    np.testing.assert_array_equal(read_layers(tmp_path / "layers")["x"]["y"], array)
