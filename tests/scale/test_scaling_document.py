"""docs/scaling.md holds the numbers of the result files, and refuses results that show nothing."""

import json

import pytest

from prm_jax.errors import InputError
from prm_jax.scale import document


def row(**changes):
    """A row as experiments.lower writes it."""
    return {
        "model": "qwen2.5-7b",
        "step": "train",
        "kind": "cpu",
        "devices": 8,
        "mesh": {"fsdp": 8},
        "rows": 32,
        "row_length": 1024,
        "tokens_of_a_device": 4096.0,
        "remat": "full",
        "parameters": 7_600_000_000,
        "needed_flops_of_a_device": 1.8e14,
        "estimate": {"parameters": 3_800_000_000, "optimizer": 7_600_000_000, "total": 17e9},
        "compiled": {
            "argument_bytes": 11_400_000_000,
            "output_bytes": 11_400_000_000,
            "aliased_bytes": 11_300_000_000,
            "temporary_bytes": 9_000_000_000,
            "collectives": {"all-gather": {"operations": 3, "received_bytes": 46_100_000_000}},
            "matmul_flops": 2.05e14,
            "unknown_loops": 0,
            "lower_seconds": 1.0,
            "compile_seconds": 14.2,
        },
        "run": {
            "code": "0123456789abcdef",
            "versions": {"jax": "0.10.2"},
            "machine": {"processor": "a processor", "cores": 2},
        },
    } | changes


LOADED = {
    "suite": "load",
    "smoke": False,
    "figures": {
        "shape_of": "qwen2.5-7b",
        "layers": 3,
        "files": 4,
        "tensors": 38,
        "stored_bytes": 1_600_000_000,
        "largest_tensor_bytes": 136_000_000,
        "meshes": {
            "data=2 fsdp=4": {
                "read_bytes": 1_600_000_000,
                "reads_of_a_byte": 1.0,
                "seconds": 2.0,
                "held_bytes": 3_200_000_000,
                "beyond_bytes": 270_000_000,
            }
        },
    },
    "run": row()["run"],
}


def cells(text, start):
    line = next(line for line in text.splitlines() if line.startswith(f"| {start} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_row_says_what_was_counted_and_what_the_compiler_refused():
    refused = row(kind="v5e", devices=64, refused="RESOURCE_EXHAUSTED")
    del refused["compiled"]
    text = document.render([row(), refused], None)
    heads = cells(text, "devices")
    shown = dict(zip(heads, cells(text, "8")))
    assert shown["state"] == "11.4" and shown["estimate"] == "17.0"
    assert shown["compiled"] == "20.5" and shown["of it temporary"] == "9.0"
    assert shown["all-gather"] == "46.1" and "all-reduce" not in heads
    assert shown["needed TFLOP"] == "180.0" and shown["in the text"] == "205.0"
    assert dict(zip(heads, cells(text, "64")))["compiled"] == "refused"
    assert "## Loading" not in text and "`0123456789ab` with jax 0.10.2" in text


def test_loading_is_extrapolated_to_the_whole_model():
    text = document.render([row()], LOADED)
    assert cells(text, "data=2 fsdp=4")[1:] == ["1.00", "3.2", "0.27", "2.0", "0.80"]
    assert "15.2 GB in bfloat16" in text  # 7.6 billion parameters
    assert "takes 19 to 19 seconds" in text and "holds 1.09 GB" in text  # 152064 x 3584 x 2


def test_a_smoke_run_is_refused(tmp_path):
    (tmp_path / "lowering.json").write_text(json.dumps({"lowered": [row()]}))
    (tmp_path / "load.json").write_text(json.dumps(LOADED | {"smoke": True}))
    paths = [tmp_path / name for name in ("lowering.json", "load.json", "scaling.md")]
    with pytest.raises(InputError, match="no full result of the suite load"):
        document.write(*paths)
    (tmp_path / "load.json").write_text(json.dumps(LOADED))
    document.write(*paths)
    assert paths[2].read_text().startswith("# Large models")
