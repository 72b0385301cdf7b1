"""One row of the table of large models: a step compiled for many devices, and what it takes."""

import json
import time
from pathlib import Path

import jax

from prm_jax import provenance
from prm_jax.benchmark import flops
from prm_jax.errors import InputError
from prm_jax.files import write_json
from prm_jax.models import PRESETS
from prm_jax.scale import memory, program_text, programs

KEY = ("model", "devices", "mesh", "step", "kind", "row_length", "rows", "remat")
"""Two rows that agree in these are of the same program; the newer one counts."""


def measure(work: programs.Work, mesh, kind: str) -> dict:
    """Compiles a step and says what it takes.

    Args:
        work: what the step does.
        mesh: mesh of devices as `scale.devices.make_devices` gives them.
        kind: theirs.

    Returns:
        A JSON-able dict: what was compiled; `estimate`, as `memory.estimate` has it; `compiled`,
        what the program says of itself: bytes of a device, communication and matrix products as
        `program_text` counts them, seconds of lowering and compiling; or `refused`, the compiler's
        reason, such as a device too small.
    """
    devices = mesh.size
    began = time.monotonic()
    program = programs.lower(work, mesh)
    lowered = time.monotonic()
    row = {
        "model": work.model,
        "step": work.step,
        "kind": kind,
        "devices": devices,
        "mesh": {axis: size for axis, size in mesh.shape.items() if size > 1},
        "rows": work.rows,
        "row_length": work.row_length,
        "tokens_of_a_device": work.rows * work.row_length / devices,
        "remat": work.remat if work.step == "train" else "none",
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(program.params)),
        "needed_flops_of_a_device": needed_flops(work) / devices,
        "estimate": memory.estimate(work, mesh, program.params, program.opt_state),
    }
    try:
        compiled = program.lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        return row | {"refused": str(error).splitlines()[0]}
    seconds = {
        "lower_seconds": round(lowered - began, 1),
        "compile_seconds": round(time.monotonic() - lowered, 1),
    }
    return row | {"compiled": _figures(compiled, devices) | seconds}


def needed_flops(work: programs.Work) -> float:
    """Floating point operations of a step, as `benchmark.flops` counts them, each row being one
    trajectory."""
    forward = flops.forward(PRESETS[work.model], [work.row_length] * work.rows)
    return forward.flops * (flops.TRAINING if work.step == "train" else 1)


def add(row: dict, path, command: str, seconds: float) -> None:
    """Puts a row into a result file, in place of an older one of the same program.

    Raises:
        InputError: the file is there and is not such a result.
    """
    row = json.loads(json.dumps(row | {"run": provenance.run_record(command, seconds)}))
    rows = [old for old in read(path) if _key(old) != _key(row)] if Path(path).exists() else []
    write_json(path, {"lowered": sorted([*rows, row], key=_key)})


def read(path) -> list[dict]:
    """The rows of a result file.

    Raises:
        InputError: there is none, or it is not such a result.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))["lowered"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "is no result of experiments.lower", file=path, remedy="name another, or write it"
        ) from error


def _figures(compiled, devices):
    of_memory = compiled.memory_analysis()
    counts = program_text.count(compiled.as_text(), devices)
    return {
        "argument_bytes": of_memory.argument_size_in_bytes,
        "output_bytes": of_memory.output_size_in_bytes,
        "aliased_bytes": of_memory.alias_size_in_bytes,
        "temporary_bytes": of_memory.temp_size_in_bytes,
        "collectives": {
            kind: {"operations": operations, "received_bytes": round(size)}
            for kind, (operations, size) in sorted(counts.collectives.items())
        },
        "matmul_flops": counts.matmul_flops,
        "unknown_loops": counts.unknown_loops,
    }


def _key(row):
    return [json.dumps(row[field]) if field == "mesh" else row[field] for field in KEY]
