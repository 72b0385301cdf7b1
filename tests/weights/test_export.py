"""Exports come back bit by bit, and transformers reads them as the right class."""

import dataclasses
import json
import os
import stat

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_models as tiny

from prm_jax.errors import InputError
from prm_jax.models import HeadConfig, apply_head, resegment
from prm_jax.text.convention import CONVENTIONS
from prm_jax.weights import export, load_model
from prm_jax.weights.export import damage
from prm_jax.weights.hf_config import read_config, write_config

HEADS = {
    "none": None,
    "scalar": HeadConfig("scalar"),
    "scalar-without-bias": HeadConfig("scalar", bias=False),
    "two-classes": HeadConfig("linear", 2),
    "five-classes": HeadConfig("linear", 5),
    "mlp": HeadConfig("mlp", 2),
    "two-token": HeadConfig("two_token", positive_id=5, negative_id=7),
}


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_every_family_survives_export_and_import_bit_by_bit(family, tmp_path):
    model, params = tiny.model(family, HEADS["two-classes"])
    export(tmp_path / "a", model, params, tiny.tokenizer())
    again, back, tokenizer = load_model(tmp_path / "a")
    assert again == model
    tiny.assert_identical(back, params)
    export(tmp_path / "b", again, back, tokenizer)
    first, second = (json.loads((tmp_path / d / "config.json").read_text()) for d in "ab")
    assert first == second
    _, twice, _ = load_model(tmp_path / "b")
    tiny.assert_identical(twice, params)


@pytest.mark.parametrize("name", HEADS)
def test_every_head_survives_export_and_import(name, tmp_path):
    model, params = tiny.model("qwen2", HEADS[name])
    tokenizer = tiny.tokenizer()
    tokenizer.convention = dataclasses.replace(CONVENTIONS["trl"], marker_text="\n\n")
    export(tmp_path / "m", model, params, tokenizer, aggregation="min", training={"steps": 3})
    again, back, read = load_model(tmp_path / "m")
    assert again.head == HEADS[name]
    tiny.assert_identical(back, params)
    assert read.convention == tokenizer.convention
    assert (read.bos_id, read.eos_id) == (tokenizer.bos_id, tokenizer.eos_id)
    assert read.encode("Step 1: 2+2") == tokenizer.encode("Step 1: 2+2")
    record = json.loads((tmp_path / "m" / "prm_jax.json").read_text())
    assert (record["aggregation"], record["training"]) == ("min", {"steps": 3})


def test_layer_groups_and_sharded_files_hold_the_same_weights(tmp_path):
    model, params = tiny.model("llama")
    export(tmp_path / "m", model, resegment(params, (1, 1)), tiny.tokenizer(), max_shard_bytes=9000)
    assert len(list((tmp_path / "m").glob("model-*-of-*.safetensors"))) > 3
    assert not (tmp_path / "m" / "model.safetensors").exists()
    _, back, _ = load_model(tmp_path / "m")
    tiny.assert_identical(back, params)


def test_bfloat16_parameters_stay_bfloat16(tmp_path):
    model, params = tiny.model("llama")
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)
    export(tmp_path / "m", model, params, tiny.tokenizer())
    model, back, _ = load_model(tmp_path / "m", dtype="bfloat16")
    assert model.dtype == "bfloat16"
    tiny.assert_identical(back, params)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_architectures_survive_their_config_file(family):
    model, _ = tiny.model(family)
    assert read_config(json.loads(json.dumps(write_config(model.config))), "c") == model.config


def test_an_architecture_that_files_cannot_describe_is_refused():
    model, _ = tiny.model("qwen2")
    with pytest.raises(InputError, match="cannot describe"):
        write_config(dataclasses.replace(model.config, qk_norm=True))


@pytest.mark.parametrize(
    ("head", "convention"),
    [("scalar", "trl"), ("two-classes", "trl"), ("mlp", "qwen"), ("none", None)],
)
def test_a_checkpoint_without_our_record_gets_the_convention_of_its_class(
    head, convention, tmp_path
):
    model, params = tiny.model("qwen2", HEADS[head])
    export(tmp_path / "m", model, params, tiny.tokenizer())
    (tmp_path / "m" / "prm_jax.json").unlink()
    again, back, tokenizer = load_model(tmp_path / "m")
    assert again.head == HEADS[head]
    assert tokenizer.convention == (None if convention is None else CONVENTIONS[convention])
    tiny.assert_identical(back, params)


def test_an_export_replaces_an_earlier_one_and_nothing_else(tmp_path):
    model, params = tiny.model("llama")
    other = jax.tree.map(lambda leaf: leaf + 1, params)
    export(tmp_path / "m", model, params, tiny.tokenizer())
    export(tmp_path / "m", model, other, tiny.tokenizer())
    tiny.assert_identical(load_model(tmp_path / "m")[1], other)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]

    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="not an earlier export"):
        export(tmp_path / "notes", model, params, tiny.tokenizer())
    assert (tmp_path / "notes" / "mine.txt").read_text() == "keep"


def test_an_export_knows_whether_it_is_what_was_written(tmp_path):
    model, params = tiny.model("llama")
    export(tmp_path / "m", model, params, tiny.tokenizer(), max_shard_bytes=20_000)
    assert damage(tmp_path / "m") == ""
    for file in sorted((tmp_path / "m").iterdir()):
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
        assert file.name in damage(tmp_path / "m")
        file.unlink()
        if file.name != "tokenizer_config.json":  # not every directory has one
            assert damage(tmp_path / "m"), file.name
        file.write_bytes(whole)
        if file.suffix == ".safetensors":
            file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
            assert damage(tmp_path / "m") == f"{file.name} is not what was written"
            file.write_bytes(whole)
    assert damage(tmp_path / "m") == ""


def test_an_export_has_the_permissions_of_other_new_files(tmp_path):
    model, params = tiny.model("llama")
    mask = os.umask(0o027)
    try:
        export(tmp_path / "m", model, params, tiny.tokenizer())
    finally:
        os.umask(mask)
    modes = {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "m").iterdir()}
    assert modes == {0o640} and stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o750


def test_a_failed_export_leaves_the_earlier_one(tmp_path):
    model, params = tiny.model("llama")
    export(tmp_path / "m", model, params, tiny.tokenizer())

    class Broken(type(tiny.tokenizer())):
        def save(self, directory):
            raise OSError("disk full")

    broken = Broken(tiny.tokenizer().backend)
    with pytest.raises(OSError, match="disk full"):
        export(tmp_path / "m", model, jax.tree.map(jnp.zeros_like, params), broken)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    tiny.assert_identical(load_model(tmp_path / "m")[1], params)


def test_parameters_without_a_place_are_listed(tmp_path):
    model, params = tiny.model("llama")
    params["layers_0"]["attn"]["q"]["lora"] = {"a": jnp.zeros((2, 32, 4))}
    with pytest.raises(InputError, match="layers_0/attn/q/lora/a"):
        export(tmp_path / "m", model, params, tiny.tokenizer())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("family", ["llama", "qwen2"])
@pytest.mark.parametrize("head", ["scalar", "scalar-without-bias", "two-classes", "five-classes"])
def test_transformers_reads_an_export_as_a_token_classifier(family, head, tmp_path):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    model, params = tiny.model(family, HEADS[head])
    export(tmp_path / "m", model, params, tiny.tokenizer())
    tokens = np.random.default_rng(0).integers(0, 250, (2, 12), dtype=np.int32)
    hidden_BTD = model.apply({"params": params}, tokens).hidden_BTD
    ours = np.asarray(apply_head(model.head, params, hidden_BTD))

    theirs = transformers.AutoModelForTokenClassification.from_pretrained(tmp_path / "m")
    assert type(theirs).__name__ == f"{family.capitalize()}ForTokenClassification"
    with torch.no_grad():
        reference = theirs.eval()(torch.from_numpy(tokens).long()).logits.numpy()
    assert reference.shape == ours.shape
    assert np.abs(reference - ours).max() <= 2e-4
    read = transformers.AutoTokenizer.from_pretrained(tmp_path / "m")
    text = "So 3 + 4 = 7.\n"
    assert read(text, add_special_tokens=False)["input_ids"] == tiny.tokenizer().encode(text)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_transformers_reads_an_export_without_a_head_as_a_language_model(family, tmp_path):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    model, params = tiny.model(family)
    export(tmp_path / "m", model, params, tiny.tokenizer())
    tokens = np.random.default_rng(0).integers(0, 250, (2, 12), dtype=np.int32)
    ours = np.asarray(model.apply({"params": params}, tokens, logits=True).logits_BTV)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "m", attn_implementation="eager"
    )
    assert type(theirs).__name__.endswith("ForCausalLM")
    with torch.no_grad():
        reference = theirs.eval()(torch.from_numpy(tokens).long()).logits.numpy()
    assert np.abs(reference - ours).max() <= 2e-4
