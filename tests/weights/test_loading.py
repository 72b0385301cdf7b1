"""Loading onto devices: shards, memory, and files that are not what they should be."""

import dataclasses
import json
import os
import subprocess
import sys
import textwrap
import tracemalloc

import jax
import numpy as np
import pytest
import tiny_models as tiny
from safetensors.numpy import load_file, save_file

from prm_jax.benchmark import load
from prm_jax.errors import InputError
from prm_jax.models import PRESETS, HeadConfig, make_mesh, param_shardings, paths
from prm_jax.weights import assemble, export, load_model
from prm_jax.weights.hf_tables import Row
from prm_jax.weights.load import require_embedded

WITH_HEAD = HeadConfig("linear", 2)


@pytest.fixture
def directory(tmp_path):
    """An export of a tiny model, for tests to damage."""
    model, params = tiny.model("llama", WITH_HEAD)
    export(tmp_path / "m", model, params, tiny.tokenizer())
    return tmp_path / "m"


def edit(directory, change):
    """Rewrites the weights after `change(tensors)`."""
    tensors = load_file(directory / "model.safetensors")
    change(tensors)
    save_file(tensors, directory / "model.safetensors")


def set_config(directory, **fields):
    values = json.loads((directory / "config.json").read_text()) | fields
    (directory / "config.json").write_text(json.dumps(values))


@pytest.mark.parametrize("family", ["llama", "qwen2", "gemma3", "phi3"])
@pytest.mark.parametrize("axes", [(2, 2, 2), (1, 8, 1), (1, 2, 4)])
def test_loading_onto_eight_devices_gives_the_same_arrays_spread_by_the_table(
    family, axes, tmp_path
):
    model, params = tiny.model(family, WITH_HEAD)
    export(tmp_path / "m", model, params, tiny.tokenizer())
    mesh = make_mesh(*axes)
    _, spread, _ = load_model(tmp_path / "m", mesh=mesh)
    tiny.assert_identical(spread, params)
    for path, sharding in paths(param_shardings(params, mesh)).items():
        assert paths(spread)[path].sharding == sharding, path
    kernel = spread["layers_0"]["mlp"]["gate"]["kernel"]
    parts = axes[1] * axes[2]
    assert kernel.addressable_shards[0].data.size * parts == kernel.size


@pytest.fixture
def read(monkeypatch):
    """Bytes of every block that is read."""
    from prm_jax.weights import safetensors_files

    sizes = []
    original = safetensors_files.SafetensorsDirectory.read

    def counted(self, key, index):
        block = original(self, key, index)
        sizes.append(block.nbytes)
        return block

    monkeypatch.setattr(safetensors_files.SafetensorsDirectory, "read", counted)
    return sizes


@pytest.mark.parametrize("axes", [dict(), dict(fsdp=8), dict(data=2, fsdp=2, tensor=2)], ids=str)
def test_each_byte_of_several_files_is_read_once_for_all_devices(axes, tmp_path, read):
    model, params = tiny.model("llama", WITH_HEAD)
    export(tmp_path / "m", model, params, tiny.tokenizer(), max_shard_bytes=20_000)
    files = list((tmp_path / "m").glob("*.safetensors"))
    assert len(files) > 2
    _, spread, _ = load_model(tmp_path / "m", mesh=make_mesh(**axes) if axes else None)
    assert sum(read) == sum(leaf.nbytes for leaf in jax.tree.leaves(params))
    tiny.assert_identical(spread, params)


def test_devices_that_hold_the_same_share_no_buffer(directory):
    _, spread, _ = load_model(directory, mesh=make_mesh(data=8))
    shards = spread["layers_0"]["mlp"]["gate"]["kernel"].addressable_shards
    assert len({shard.data.unsafe_buffer_pointer() for shard in shards}) == 8


def test_a_process_reads_no_more_than_its_devices_hold():
    stored = np.arange(8 * 12, dtype=np.float32).reshape(8, 12)
    row, taken = Row("unembed/kernel", "key", "v d -> d v"), []

    class Source:
        def read(self, key, index):
            taken.append(stored[index].size)
            return stored[index]

    def fill(*blocks):
        taken.clear()
        shards = {block: np.zeros([b - a for a, b in block]) for block in blocks}
        assemble.fill(Source(), row, "key", (12, 8), shards)
        for block, shard in shards.items():
            np.testing.assert_array_equal(shard, stored.T[tuple(slice(*ends) for ends in block)])
        return list(taken)

    assert fill(((0, 3), (0, 8)), ((3, 6), (0, 8))) == [6 * 8]  # neighbours: one read
    assert fill(((0, 3), (0, 8)), ((9, 12), (0, 8))) == [3 * 8, 3 * 8]  # not what lies between
    assert fill() == []


def test_beyond_its_shards_loading_holds_one_stored_tensor(tmp_path):
    config = dataclasses.replace(
        PRESETS["tiny-llama"], n_layers=8, d_model=256, d_ff=1024, vocab_size=2048
    )
    stored = load.write_checkpoint(tmp_path, config)
    loading = load.Loading(tmp_path, config, dict(data=2, fsdp=4), fake=False)
    tracemalloc.start()
    try:
        found = loading.load()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found["held_bytes"] > 1.9 * stored["stored_bytes"] > 10 * stored["largest_tensor_bytes"]
    # The second replica's copies are no Python objects.
    assert peak < stored["stored_bytes"] + 1.5 * stored["largest_tensor_bytes"]
    assert found["reads_of_a_byte"] == 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_model_is_never_held_twice(tmp_path):
    program = """
        import sys
        import jax
        from prm_jax.weights.hf import load_directory

        def memory(field):
            for line in open("/proc/self/status"):
                if line.startswith(field):
                    return int(line.split()[1]) * 1024

        jax.numpy.zeros(8).block_until_ready()
        before = memory("VmRSS")
        _, _, params, _ = load_directory(sys.argv[1])
        jax.block_until_ready(params)
        size = sum(leaf.nbytes for leaf in jax.tree.leaves(params))
        print(size, memory("VmHWM") - before)
    """
    sizes = dict(vocab_size=8192, hidden_size=512, intermediate_size=1536, num_hidden_layers=12)
    sizes |= dict(num_attention_heads=8, num_key_value_heads=8, max_position_embeddings=64)
    values = sizes | dict(model_type="llama", architectures=["LlamaForCausalLM"])
    values |= dict(tie_word_embeddings=True)
    (tmp_path / "config.json").write_text(json.dumps(values))
    D, F = 512, 1536
    layer = {f"self_attn.{name}_proj.weight": (D, D) for name in "qkvo"}
    layer |= {"mlp.gate_proj.weight": (F, D), "mlp.up_proj.weight": (F, D)}
    layer |= {"mlp.down_proj.weight": (D, F), "input_layernorm.weight": (D,)}
    layer |= {"post_attention_layernorm.weight": (D,)}
    shapes = {f"model.layers.{i}.{name}": shape for i in range(12) for name, shape in layer.items()}
    shapes |= {"model.embed_tokens.weight": (8192, D), "model.norm.weight": (D,)}
    random = np.random.default_rng(0)
    tensors = {name: random.random(shape, np.float32) for name, shape in shapes.items()}
    save_file(tensors, tmp_path / "model.safetensors")
    environment = os.environ | {"XLA_FLAGS": "", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    size, growth = map(int, done.stdout.split())
    print(f"model {size / 1e6:.0f} MB, memory grew by {growth / 1e6:.0f} MB")
    assert size > 150e6
    assert growth < 1.3 * size


def test_missing_surplus_and_misshapen_tensors_are_listed(directory):
    def damage(tensors):
        del tensors["model.layers.1.mlp.up_proj.weight"]
        tensors["model.layers.0.self_attn.sinks"] = np.zeros(4, np.float32)
        tensors["model.norm.weight"] = np.zeros(31, np.float32)

    edit(directory, damage)
    with pytest.raises(InputError) as error:
        load_model(directory)
    message = str(error.value)
    assert "missing tensors: model.layers.1.mlp.up_proj.weight" in message
    assert "no parameter takes: model.layers.0.self_attn.sinks" in message
    assert "model.norm.weight is [31] and should be [32]" in message
    assert "model.safetensors" in message


@pytest.mark.parametrize("number", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("axes", [None, (2, 2, 2)], ids=["one device", "eight"])
def test_a_tensor_that_is_not_finite_is_named_when_it_is_loaded(number, dtype, axes, directory):
    key = "model.layers.1.mlp.down_proj.weight"
    edit(directory, lambda tensors: tensors[key].__setitem__((-1, -1), number))
    with pytest.raises(InputError) as error:
        load_model(directory, dtype=dtype, mesh=make_mesh(*axes) if axes else None)
    assert f"field '{key}': holds NaN, or numbers beyond {dtype}" in str(error.value)
    assert str(directory / "model.safetensors") in str(error.value)


def test_numbers_that_the_dtype_of_parameters_does_not_hold_are_named(directory):
    def enlarge(tensors):
        tensors["model.norm.weight"] = np.full(32, 1e300)

    edit(directory, enlarge)
    with pytest.raises(InputError, match="model.norm.weight.*beyond float32"):
        load_model(directory)


def test_a_tokenizer_of_less_than_half_the_embedding_is_doubted(caplog):
    tokenizer = tiny.tokenizer()
    require_embedded(tokenizer, 2 * tokenizer.vocab_size, "model")
    assert not caplog.messages
    require_embedded(tokenizer, 2 * tokenizer.vocab_size + 1, "model")
    [message] = caplog.messages
    assert (
        message
        == "model: the tokenizer has 253 ids and the embedding 507 rows: is it this model's?"
    )


def test_buffers_of_old_files_are_no_parameters(directory):
    _, before, _ = load_model(directory)
    edit(
        directory,
        lambda t: t.update({"model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(4, "f4")}),
    )
    tiny.assert_identical(load_model(directory)[1], before)


@pytest.mark.parametrize("same", [True, False])
def test_tied_embeddings_are_untied_if_two_are_stored_as_transformers_does(same, tmp_path):
    model, params = tiny.model("qwen2")
    export(tmp_path / "m", model, params, tiny.tokenizer())
    embedding = np.asarray(params["embed"]["embedding"])
    copy = embedding if same else embedding[::-1].copy()
    edit(tmp_path / "m", lambda tensors: tensors.update({"lm_head.weight": copy}))
    if same:
        tiny.assert_identical(load_model(tmp_path / "m")[1], params)
    else:
        again, back, _ = load_model(tmp_path / "m")
        assert not again.config.tied
        assert np.array_equal(back["unembed"]["kernel"], copy.T)


def test_the_text_model_of_a_multimodal_gemma_3_is_found_under_its_prefix(tmp_path):
    model, params = tiny.model("gemma3")
    export(tmp_path / "m", model, params, tiny.tokenizer())
    (tmp_path / "m" / "prm_jax.json").unlink()
    text = json.loads((tmp_path / "m" / "config.json").read_text())
    whole = {"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"]}
    (tmp_path / "m" / "config.json").write_text(json.dumps(whole | {"text_config": text}))

    def move(tensors):
        for key in list(tensors):
            tensors["language_model." + key] = tensors.pop(key)
        tensors["vision_tower.vision_model.post_layernorm.weight"] = np.ones(3, "f4")

    edit(tmp_path / "m", move)
    again, back, _ = load_model(tmp_path / "m")
    assert again == model
    tiny.assert_identical(back, params)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"model_type": "mixtral"}, "unsupported model type 'mixtral'"),
        ({"rope_scaling": {"rope_type": "longrope", "factor": 2.0}}, "'longrope'"),
        ({"rope_scaling": {"type": "dynamic"}}, "'dynamic' needs factor"),
        ({"rope_scaling": {"rope_type": "ntk", "factor": 2.0}}, "RoPE scaling 'ntk'"),
        ({"rope_scaling": {"rope_type": "linear", "surprise": 1}}, "RoPE parameters surprise"),
        ({"rope_scaling": {"rope_type": "linear"}}, "'linear' needs factor"),
        ({"quantization_config": {"bits": 4}}, "quantization_config"),
        ({"num_local_experts": 8}, "num_local_experts"),
        ({"hidden_act": "relu"}, "activation 'relu'"),
        ({"hidden_size": "32"}, "field 'hidden_size': is '32', not a positive integer"),
        ({"num_hidden_layers": None}, "field 'num_hidden_layers': is missing"),
        ({"layer_types": ["linear_attention"] * 2}, "linear attention layers"),
    ],
)
def test_configurations_that_are_not_supported_are_refused(directory, fields, problem):
    set_config(directory, **fields)
    with pytest.raises(InputError) as error:
        load_model(directory)
    assert problem in str(error.value)
    assert "config.json" in str(error.value)


def test_an_unknown_architecture_is_refused(directory):
    (directory / "prm_jax.json").unlink()
    set_config(directory, architectures=["LlamaForQuestionAnswering"])
    with pytest.raises(InputError, match="'LlamaForQuestionAnswering'.*ForTokenClassification"):
        load_model(directory)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("damage", "problem", "file"),
    [
        (lambda d: (d / "config.json").unlink(), "no such file", "config.json"),
        (lambda d: (d / "config.json").write_text("{,"), "is not JSON", "config.json:1"),
        (lambda d: (d / "config.json").write_text("[]"), "not a JSON object", "config.json"),
        (lambda d: (d / "model.safetensors").unlink(), "has no weights", "/m:"),
        (
            lambda d: (d / "model.safetensors").rename(d / "pytorch_model.bin"),
            "pickle format; convert",
            "/m:",
        ),
        (lambda d: truncate(d / "model.safetensors"), "truncated one", "model.safetensors"),
        (lambda d: (d / "model.safetensors").write_bytes(b""), "truncated", "model.safetensors"),
        (lambda d: (d / "tokenizer.json").unlink(), "tokenizer.json", "/m:"),
        (
            lambda d: (d / "prm_jax.json").write_text('{"head": {"sort": "x"}}'),
            "does not describe a head",
            "prm_jax.json",
        ),
    ],
)
def test_damaged_directories_are_refused_in_one_line(damage, problem, file, directory):
    damage(directory)
    with pytest.raises(InputError) as error:
        load_model(directory)
    message = str(error.value)
    assert problem in message and file in message and "\n" not in message


def test_a_file_missing_from_a_sharded_checkpoint_is_named(tmp_path):
    model, params = tiny.model("llama")
    export(tmp_path / "m", model, params, tiny.tokenizer(), max_shard_bytes=9000)
    lost = sorted((tmp_path / "m").glob("model-*.safetensors"))[1]
    lost.unlink()
    with pytest.raises(InputError, match=f"{lost.name}.*listed in the index"):
        load_model(tmp_path / "m")


def test_names_that_are_no_model_are_refused(tmp_path):
    with pytest.raises(InputError, match="no model 'smollm3'.*presets are smollm2-135m"):
        load_model("smollm3")
    (tmp_path / "x.bin").write_bytes(b"")
    with pytest.raises(InputError, match="neither a directory nor a .gguf file"):
        load_model(tmp_path / "x.bin")
    with pytest.raises(InputError, match="dtype"):
        load_model(tmp_path, dtype="int8")


def test_a_training_workdir_stands_for_its_export(tmp_path):
    model, params = tiny.model("llama", WITH_HEAD)
    export(tmp_path / "run" / "export", model, params, tiny.tokenizer())
    (tmp_path / "run" / "checkpoints").mkdir()
    (tmp_path / "run" / "config.json").write_text("{}")
    again, back, _ = load_model(tmp_path / "run")
    assert again == model
    tiny.assert_identical(back, params)


def test_parameters_are_placed_on_the_default_device_without_a_mesh(directory):
    _, params, _ = load_model(directory)
    assert {leaf.device for leaf in jax.tree.leaves(params)} == {jax.devices()[0]}


def test_loaded_parameters_may_be_donated_to_a_step(directory):
    _, params, _ = load_model(directory)
    before = jax.tree.map(np.array, params)
    step = jax.jit(lambda tree: jax.tree.map(lambda leaf: 2 * leaf, tree), donate_argnums=0)
    after = step(step(params))
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(params))
    tiny.assert_identical(after, jax.tree.map(lambda leaf: jax.numpy.asarray(4 * leaf), before))
