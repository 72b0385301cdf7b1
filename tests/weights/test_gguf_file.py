"""Headers of GGUF files are read as the gguf package reads them; damage is one line."""

import gguf
import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.weights.gguf_file import read_header
from prm_jax.weights.gguf_parts import open_parts

OF_THE_PACKAGE = {"GGUF.version", "GGUF.tensor_count", "GGUF.kv_count"}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A file with every kind of metadata and of tensor data."""
    path = tmp_path_factory.mktemp("gguf") / "all.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    for kind in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"):
        getattr(writer, f"add_{kind}")(f"a.{kind}", 7)
    writer.add_float32("a.float32", 0.1)
    writer.add_float64("a.float64", 0.1)
    writer.add_bool("a.bool", True)
    writer.add_string("a.string", "two lines\nund \N{SNOWMAN}")
    writer.add_array("a.texts", ["", "x", "\N{SNOWMAN}"])
    writer.add_array("a.integers", [3, -1, 2])
    writer.add_array("a.floats", [0.5, -0.25])
    writer.add_array("a.truths", [True, False])
    rng = np.random.default_rng(0)
    for name in ("float16", "float32", "float64", "int8", "int16", "int32", "int64"):
        writer.add_tensor(f"t.{name}", (9 * rng.normal(size=(2, 3))).astype(name))
    numbers = rng.normal(size=(2, 3, 64)).astype(np.float32)
    for kind in (gguf.GGMLQuantizationType.Q4_1, gguf.GGMLQuantizationType.BF16):
        blocks = gguf.quants.quantize(numbers, kind)
        writer.add_tensor(f"t.{kind.name}", blocks, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_every_value_and_tensor_is_that_of_the_package(file):
    fields, tensors = read_header(file)
    reader = gguf.GGUFReader(file)
    expected = {name: field.contents() for name, field in reader.fields.items()}
    assert set(expected) - set(fields) == OF_THE_PACKAGE
    for name, value in fields.items():
        assert value == expected[name] and type(value) is type(expected[name]), name
    assert list(tensors) == [tensor.name for tensor in reader.tensors]
    for tensor in reader.tensors:
        found = tensors[tensor.name]
        assert found.tensor_type == tensor.tensor_type
        assert found.shape == tuple(tensor.shape.tolist())
        assert found.data.dtype == tensor.data.dtype
        np.testing.assert_array_equal(found.data, tensor.data)


def test_a_file_that_ends_anywhere_is_refused_in_one_line(file, tmp_path):
    whole, cut = file.read_bytes(), tmp_path / "cut.gguf"
    for length in (*range(0, len(whole) - 1, 7), len(whole) - 200):
        cut.write_bytes(whole[:length])
        with pytest.raises(InputError, match="not a GGUF file, or a truncated one"):
            open_parts(cut)


def test_any_changed_byte_of_the_header_is_read_or_refused_in_one_line(file, tmp_path):
    whole, changed = bytearray(file.read_bytes()), tmp_path / "changed.gguf"
    for place in range(4, 900, 3):
        for flip in (0x01, 0xFF):
            whole[place] ^= flip
            changed.write_bytes(whole)
            whole[place] ^= flip
            try:
                open_parts(changed)
            except InputError as error:
                assert "\n" not in str(error)


def test_a_part_whose_number_is_no_number_is_refused(tmp_path):
    path = tmp_path / "part.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_string("split.count", "two")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(InputError, match="split.count.*is not a number"):
        open_parts(path)
