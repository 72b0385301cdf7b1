"""GGUF files: every family, every tensor type, and what is refused."""

import dataclasses

import gguf
import jax
import numpy as np
import pytest
import tiny_gguf
import tiny_models as tiny
from gguf import GGMLQuantizationType

from prm_jax.errors import InputError
from prm_jax.models import Rope, abstract_params, paths
from prm_jax.models.rope import inverse_frequencies
from prm_jax.weights import gguf as gguf_file
from prm_jax.weights import gguf_parts
from prm_jax.weights.assemble import assemble
from prm_jax.weights.gguf import DECIMALS, IGNORABLE, KEYS, GgufFile, dequantised
from prm_jax.weights.load import load_model


def load(path):
    file = GgufFile(path)
    abstract = abstract_params(file.config)
    return file.config, assemble(file, file.rows(), abstract, dtype="float32", ignorable=IGNORABLE)


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "gemma2", "gemma3"])
def test_every_family_comes_back_from_its_converted_file(family, tmp_path):
    model, params = tiny.model(family)
    config = model.config
    if family.startswith("gemma"):  # the file leaves these to the family's rule
        period = {"gemma2": 2, "gemma3": 6}[family]
        layer_types = tuple("full" if (i + 1) % period == 0 else "sliding" for i in range(2))
        config = dataclasses.replace(config, layer_types=layer_types)
    tiny_gguf.write(tmp_path / "m.gguf", config, params)
    read, back = load(tmp_path / "m.gguf")
    assert read == config
    assert set(paths(back)) == set(paths(params))
    for path, leaf in paths(back).items():
        # Gemma's norms are stored with one added, which rounds.
        tolerance = 2e-7 if config.norm_offset and path.endswith("scale") else 0
        np.testing.assert_allclose(leaf, paths(params)[path], rtol=0, atol=tolerance)


TYPES = sorted(kind.name for kind in GGMLQuantizationType if dequantised(kind))


def test_all_types_that_the_package_dequantises_are_read():
    needed = "F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K MXFP4 NVFP4 TQ1_0 "
    needed += "TQ2_0 IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S IQ4_NL IQ4_XS"
    assert set(needed.split()) <= set(TYPES)


@pytest.mark.parametrize("kind", TYPES)
def test_every_tensor_type_reads_as_the_numbers_gguf_reads(kind, tmp_path):
    kind = GGMLQuantizationType[kind]
    block, n_bytes = gguf.GGML_QUANT_SIZES[kind]
    rows, columns = 6, 2 * max(block, 32)
    random = np.random.default_rng(0)
    try:
        data = gguf.quants.quantize(random.normal(size=(rows, columns)).astype(np.float32), kind)
    except NotImplementedError:  # k-quants have no quantiser in the package: any bytes will do
        data = random.integers(0, 120, (rows, columns // block * n_bytes), dtype=np.uint8)
    model, params = tiny.model("llama")
    tiny_gguf.write(
        tmp_path / "m.gguf",
        model.config,
        params,
        extra=lambda writer: writer.add_tensor("probe.weight", data, raw_dtype=kind),
    )
    expected = gguf.quants.dequantize(data, kind)
    assert np.isfinite(expected).all() and expected.std() > 0
    file = GgufFile(tmp_path / "m.gguf")
    np.testing.assert_array_equal(file.read("probe.weight", (slice(None), slice(None))), expected)
    block = file.read("probe.weight", (slice(1, 4), slice(3, 40)))
    np.testing.assert_array_equal(block, expected[1:4, 3:40])


@pytest.mark.parametrize("kind", ["Q4_0", "Q8_0", "Q4_1", "Q5_0", "Q5_1", "BF16", "F16"])
def test_a_quantised_model_is_near_the_one_it_was_made_from(kind, tmp_path):
    model, params = tiny.model("llama")
    kind = GGMLQuantizationType[kind]
    tiny_gguf.write(tmp_path / "m.gguf", model.config, params, quantise=kind)
    _, back = load(tmp_path / "m.gguf")
    for path, leaf in paths(back).items():
        wanted = np.asarray(paths(params)[path])
        error = np.abs(np.asarray(leaf) - wanted).max() / np.abs(wanted).max()
        assert error <= 0.16, path
        assert path.endswith("scale") or error > 0, f"{path} was not quantised"


@pytest.mark.parametrize("kind", ["F32", "Q8_0"])
@pytest.mark.filterwarnings("error")
def test_a_tensor_that_is_not_finite_is_named_when_it_is_loaded(kind, tmp_path):
    model, params = tiny.model("llama")
    kernel = params["layers_0"]["mlp"]["up"]["kernel"]
    params["layers_0"]["mlp"]["up"]["kernel"] = kernel.at[1, 0, 0].set(np.inf)
    with np.errstate(invalid="ignore"):  # of the quantiser
        path = tmp_path / "m.gguf"
        tiny_gguf.write(path, model.config, params, quantise=GGMLQuantizationType[kind])
    with pytest.raises(InputError, match=r"m.gguf: field 'blk.1.ffn_up.weight': holds NaN"):
        load(tmp_path / "m.gguf")


def test_llama3_scaling_is_recovered_from_its_divisors(tmp_path):
    model, params = tiny.model("llama")
    rope = Rope(
        theta=500_000.0,
        kind="llama3",
        factor=32.0,
        original_max_position=8192,
        high_freq_factor=4.0,
    )
    config = dataclasses.replace(model.config, rope=rope)
    plain = 1.0 / 500_000.0 ** (np.arange(0, 8, 2) / 8)
    wavelength = 2 * np.pi / plain
    ramp = np.clip((8192 / wavelength - 1) / 3, 0, 1)
    divisors = (1 / ((1 - ramp) / 32 + ramp)).astype(np.float32)
    tiny_gguf.write(tmp_path / "m.gguf", config, params, more={"rope_freqs.weight": divisors})
    read, _ = load(tmp_path / "m.gguf")
    assert read.rope == rope
    scaled, _ = inverse_frequencies(read.rope, 8)
    np.testing.assert_allclose(scaled, plain / divisors, rtol=1e-5)

    broken = divisors.copy()
    broken[-2] = 5.0
    tiny_gguf.write(tmp_path / "b.gguf", config, params, more={"rope_freqs.weight": broken})
    with pytest.raises(InputError, match="follow no known rule"):
        GgufFile(tmp_path / "b.gguf")


def test_the_27b_gemmas_scale_queries_by_width_per_head(tmp_path):
    model, _ = tiny.model("gemma2")
    config = dataclasses.replace(
        model.config, n_layers=46, layer_types=("sliding", "full") * 23, d_model=64
    )
    params = jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), abstract_params(config))
    tiny_gguf.write(tmp_path / "m.gguf", config, params)
    assert GgufFile(tmp_path / "m.gguf").config.query_scale == (64 / 4) ** -0.5


def test_a_file_cut_anywhere_is_refused_in_one_line(tmp_path):
    model, params = tiny.model("llama")
    tiny_gguf.write(tmp_path / "m.gguf", model.config, params)
    whole = (tmp_path / "m.gguf").read_bytes()
    for keep in (0, 3, 20, 150, len(whole) // 50, len(whole) // 2, len(whole) - 40):
        (tmp_path / "cut.gguf").write_bytes(whole[:keep])
        with pytest.raises(InputError) as error:
            load_model(tmp_path / "cut.gguf")
        assert "cut.gguf" in str(error.value) and "\n" not in str(error.value)


def test_unknown_architectures_and_types_are_refused(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "a.gguf", "mamba")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(InputError, match="architecture 'mamba'"):
        GgufFile(tmp_path / "a.gguf")

    model, params = tiny.model("llama")
    for kind in (GGMLQuantizationType.Q8_K, GGMLQuantizationType.I8):
        block, n_bytes = gguf.GGML_QUANT_SIZES[kind]
        stored = np.zeros((1, n_bytes), np.int8 if kind.name == "I8" else np.uint8)
        tiny_gguf.write(
            tmp_path / "t.gguf",
            model.config,
            params,
            extra=lambda w, t=stored, k=kind: w.add_tensor("x.weight", t, raw_dtype=k),
        )
        with pytest.raises(InputError, match=f"x.weight.*{kind.name} is not supported"):
            GgufFile(tmp_path / "t.gguf")


def write_parts(directory, model, params, *, keep=(0, 1, 2)):
    """A model split into three parts by its tensors, as llama-gguf-split does it."""
    stored = tiny_gguf.tensors(model.config, params)
    names = sorted(stored)
    for number in keep:
        mine = names[number::3]

        def extra(writer, number=number):
            writer.add_uint16("split.no", number)
            writer.add_uint16("split.count", 3)
            writer.add_int32("split.tensors.count", len(names))

        path = directory / f"m-{number + 1:05d}-of-00003.gguf"
        tiny_gguf.write(path, model.config, params, extra=extra, only=mine)


def test_a_split_model_is_read_whole_from_any_part_or_refused_by_the_missing_part(tmp_path):
    model, params = tiny.model("qwen2")
    write_parts(tmp_path, model, params)
    for part in (1, 3):
        config, back = load(tmp_path / f"m-{part:05d}-of-00003.gguf")
        assert config == model.config
        for path, leaf in paths(back).items():
            np.testing.assert_array_equal(leaf, paths(params)[path])
    (tmp_path / "m-00002-of-00003.gguf").unlink()
    with pytest.raises(InputError, match="part 3 of 3; missing.*m-00002-of-00003.gguf.*--merge"):
        GgufFile(tmp_path / "m-00003-of-00003.gguf")
    (tmp_path / "m-00001-of-00003.gguf").rename(tmp_path / "first.gguf")
    with pytest.raises(InputError, match="part 1 of 3, which its name does not say"):
        GgufFile(tmp_path / "first.gguf")


def test_parts_of_two_models_are_not_mixed(tmp_path):
    model, params = tiny.model("qwen2")
    write_parts(tmp_path, model, params)
    (tmp_path / "m-00002-of-00003.gguf").write_bytes(
        (tmp_path / "m-00003-of-00003.gguf").read_bytes()
    )
    with pytest.raises(InputError, match="m-00002-of-00003.gguf.*is not part 2 of 3"):
        GgufFile(tmp_path / "m-00001-of-00003.gguf")


@pytest.mark.parametrize("n_classes", [1, 2])
def test_a_classifier_head_scores_solutions(n_classes, tmp_path):
    model, params = tiny.model("qwen2")
    kernel = np.arange(n_classes * model.config.d_model, dtype=np.float32).reshape(n_classes, -1)
    head = {"cls.output.weight": kernel, "cls.output.bias": np.arange(n_classes, dtype=np.float32)}
    tiny_gguf.write(tmp_path / "m.gguf", model.config, params, more=head)
    file = GgufFile(tmp_path / "m.gguf")
    assert file.head.n_classes == n_classes and file.head.bias and file.scores_solutions
    assert file.head.kind == ("scalar" if n_classes == 1 else "linear")
    abstract = abstract_params(file.config, file.head)
    back = assemble(file, file.rows(), abstract, dtype="float32", ignorable=IGNORABLE)
    np.testing.assert_array_equal(back["head"]["kernel"], kernel.T)
    np.testing.assert_array_equal(back["head"]["bias"], head["cls.output.bias"])


def test_a_reranker_that_lists_yes_first_has_it_as_the_second_class(tmp_path):
    model, params = tiny.model("qwen2")
    kernel = np.arange(2 * model.config.d_model, dtype=np.float32).reshape(2, -1)
    for labels, wanted in ((["yes", "no"], kernel[::-1]), (["no", "yes"], kernel)):
        tiny_gguf.write(
            tmp_path / "m.gguf",
            model.config,
            params,
            more={"cls.output.weight": kernel},
            extra=lambda w, t=labels: w.add_array("qwen2.classifier.output_labels", t),
        )
        file = GgufFile(tmp_path / "m.gguf")
        whole = (slice(None), slice(None))
        np.testing.assert_array_equal(file.read("cls.output.weight", whole), wanted)
    more = {"cls.output.weight": kernel, "cls.weight": np.eye(model.config.d_model)}
    tiny_gguf.write(tmp_path / "m.gguf", model.config, params, more=more)
    with pytest.raises(InputError, match="cls.weight.*not supported"):
        GgufFile(tmp_path / "m.gguf")


@pytest.mark.parametrize(
    ("kind", "message"),
    [("adapter", "LoRA adapter"), ("mmproj", "image side"), ("imatrix", "importance matrix")],
)
def test_files_that_are_no_model_are_named(kind, message, tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "a.gguf", "llama")
    writer.add_type(kind)
    writer.add_tensor("blk.0.attn_q.weight.lora_a", np.zeros((2, 8), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(InputError, match=message):
        GgufFile(tmp_path / "a.gguf")


def test_other_byte_orders_versions_and_vocabularies_alone_are_named(tmp_path):
    model, params = tiny.model("qwen2")
    tiny_gguf.write(tmp_path / "v.gguf", model.config, params, only=())
    with pytest.raises(InputError, match="vocabulary only"):
        GgufFile(tmp_path / "v.gguf")
    whole = (tmp_path / "v.gguf").read_bytes()
    (tmp_path / "v.gguf").write_bytes(whole[:4] + (1).to_bytes(4, "little") + whole[8:])
    with pytest.raises(InputError, match="version 1"):
        GgufFile(tmp_path / "v.gguf")
    (tmp_path / "v.gguf").write_bytes(whole[:4] + (3).to_bytes(4, "big") + whole[8:])
    with pytest.raises(InputError, match="big-endian"):
        GgufFile(tmp_path / "v.gguf")


def test_tensors_left_over_or_missing_are_listed(tmp_path):
    model, params = tiny.model("llama")
    surplus = {"blk.0.attn_sinks.weight": np.zeros(4, np.float32)}
    tiny_gguf.write(tmp_path / "m.gguf", model.config, params, more=surplus)
    with pytest.raises(InputError, match="no parameter takes: blk.0.attn_sinks.weight"):
        load(tmp_path / "m.gguf")
    del params["layers_0"]["mlp"]["down"]
    tiny_gguf.write(tmp_path / "m.gguf", model.config, params)
    with pytest.raises(InputError, match="missing.*blk.0.ffn_down.weight, blk.1.ffn_down.weight"):
        load(tmp_path / "m.gguf")


@pytest.mark.parametrize("field", ["rope.scaling.factor", "rope.scale_linear"])
def test_a_factor_without_a_type_is_linear_as_in_llama_cpp(field, tmp_path):
    model, params = tiny.model("llama")
    tiny_gguf.write(
        tmp_path / "m.gguf",
        model.config,
        params,
        extra=lambda writer: writer.add_float32(f"llama.{field}", 4.0),
    )
    rope = GgufFile(tmp_path / "m.gguf").config.rope
    assert (rope.kind, rope.factor) == ("linear", 4.0)


@pytest.mark.parametrize("field, value", [("rope.dimension_count", 4), ("attention.causal", False)])
def test_fields_that_llama_cpp_follows_and_we_do_not_are_named(field, value, tmp_path):
    model, params = tiny.model("qwen2")

    def extra(writer):
        add = writer.add_bool if value is False else writer.add_uint32
        add(f"qwen2.{field}", value)

    tiny_gguf.write(tmp_path / "m.gguf", model.config, params, extra=extra)
    with pytest.raises(InputError, match=f"is {value}; only") as error:
        GgufFile(tmp_path / "m.gguf")
    assert error.value.field == f"qwen2.{field}" and error.value.remedy


@pytest.mark.parametrize("key", [*KEYS.values(), *DECIMALS.values()])
@pytest.mark.parametrize("value", [None, "much", [1, 2]], ids=["missing", "text", "list"])
def test_a_key_of_the_architecture_is_named_as_the_file_has_it(key, value, tmp_path, monkeypatch):
    model, params = tiny.model("llama")
    tiny_gguf.write(tmp_path / "m.gguf", model.config, params)

    def damaged(path):
        fields, tensors = gguf_parts.open_parts(path)
        others = {name: of for name, of in fields.items() if name != f"llama.{key}"}
        return others | ({} if value is None else {f"llama.{key}": value}), tensors

    monkeypatch.setattr(gguf_file, "open_parts", damaged)
    optional = {"attention.head_count_kv", "context_length", "rope.freq_base"}
    if value is None and key in optional | {"attention.layer_norm_rms_epsilon"}:
        GgufFile(tmp_path / "m.gguf")
        return
    with pytest.raises(InputError, match=rf"m.gguf: field 'llama.{key}': is .*; convert"):
        GgufFile(tmp_path / "m.gguf")
