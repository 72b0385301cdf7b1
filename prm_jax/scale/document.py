"""docs/scaling.md, from the result files of experiments.lower and of the benchmark `load`."""

from pathlib import Path

from prm_jax.errors import InputError
from prm_jax.files import atomic_write
from prm_jax.json_files import read_json
from prm_jax.models import PRESETS, abstract_params, paths
from prm_jax.scale.lowering import read
from prm_jax.scale.program_text import RECEIVED
from prm_jax.weights.hf_tables import LAYERS

HEAD = """# Large models on many devices

How much memory and communication the trainer's update and the scorer's forward pass take for
the shapes of Qwen2.5-7B and 72B, found out by compiling them for devices that are not there.
**Nothing on this page was run on real devices**: no time, speed or utilisation of them is
claimed. This file is written by `python -m experiments.lower --document
--output=results/lowering.json` from the rows of that file, and its last section from
`results/benchmark_load.json`.

## Which mesh to take

The mesh has five axes (`config.mesh`). `fsdp` splits parameters, gradients, optimizer state and
the rows of a batch; `data` only rows, so that every replica holds the whole state; `tensor`
splits heads and mlp width, `sequence` the tokens of a row, `expert` the experts of a sparse model
and rows.

- **Take `fsdp` alone (`mesh.data=1 mesh.fsdp=-1`) on one machine or one slice**, as far as
  there is a row for each device. No tensor of parameters or optimizer that is larger than 8 MiB
  in all is then whole on any device; norms and biases are. Tests hold this for both models on
  8, 64 and 256 devices. Of adapters (LoRA) it holds up to 64: on 256 those of the 72B model's mlp
  stay whole, since 256 does not divide its width.
- **With several machines on a slower network, `data` across them and `fsdp` inside**
  (`mesh.data=MACHINES mesh.fsdp=-1`), if the state fits one machine's devices: what `fsdp`
  gathers at every layer stays inside, and only gradients cross, once an update.
- **`tensor` where there are fewer rows than devices**, and not beyond the number of key heads,
  4 for 7B and 8 for 72B: it sends activations at every layer, which wants the fastest links.
- **`expert` for models with experts**, a divisor of their number, 2 to 8: weights of experts stay
  where they are and tokens travel. A device keeps room for the tokens of its whole group.
- **`sequence` for rows of 16k tokens or more.** Two rows of 512 are better than one split row.

A state that does not fit needs more devices or fewer trained parameters: adapters
(`model.lora.rank`) or the top layers (`model.train_layers`) keep no optimizer state for the
rest. The unembedding is part of the figures below, since a checkpoint of a language model has
one; a head that does not read it leaves it without gradient, and freezing it (`model.freeze`)
saves its moments.

## What is counted and what is estimated

*Counted.* Bytes of parameters and optimizer state on a device, exactly, from the shardings that
a run uses. What the compiler says of its program: bytes of arguments and results, less results
that take the place of arguments, and temporary bytes. Bytes that a device receives, by kind of
operation: the compiled text is searched for collective operations, and those in a loop's body
count as often as the loop runs (`prm_jax/scale/program_text.py` has the formulas). Of matrix
products, those that a trajectory needs as `prm_jax/benchmark/flops.py` defines them, each row
one trajectory; where the program is for CPUs also those in its text, which include what is
computed again and masked scores.

*Estimated.* `estimate` adds to the counted state the gradients and what the backward pass keeps
at least (`prm_jax/scale/memory.py`). It is a plan for a good compiler with fused attention, not
a bound.

*For which device.* `cpu` is a program for fake CPU devices: there XLA computes bfloat16 products
and sends bfloat16 numbers as float32, which doubles most of the communication, and keeps all
attention scores, so that its temporary bytes are no accelerator's. `v5e`, `v5p` and `v6e` are
programs of the TPU compiler for a slice of that many chips, with the splash kernel; it gathers
large weights piece by piece beside the product that reads them (`collective-permute`). A kind of
operation that is missing from a table was not in the programs: gradients may be summed whole
(`all-reduce`) where a `reduce-scatter` would send half of that.

Parameters and optimizer state of a training are float32, its computation bfloat16, and only the
inputs of layers are kept for the backward pass (`remat=full`) unless a row says otherwise;
scoring holds bfloat16 parameters. GB are 10^9 bytes, all figures of one device and one step.
"""
LOADING = """## Loading

Of a checkpoint, each process reads what its own devices hold, tensor by tensor, each byte once;
beside the shards it holds one stored tensor at a time (on an accelerator also, until they are
there, the shards of one parameter of all layers). Measured with `python -m
experiments.benchmark --suite=load` on {layers} layers of {shape_of}: {stored:.2f} GB of
bfloat16 in {files} files, {tensors} tensors, the largest of {largest:.3f} GB, onto fake CPU
devices, whose memory is the host's.

| mesh | reads of a byte | GB in shards | GB beyond them | seconds | GB/s |
| --- | --- | --- | --- | --- | --- |
"""
GB = 1e9
EXTRAPOLATED = "qwen2.5-7b"
ITEMSIZE = 2  # of bfloat16


def write(lowered, loaded, path) -> None:
    """Writes the document.

    Args:
        lowered: result file of experiments.lower.
        loaded: result file of the benchmark `load`; its section is left out if there is none.
        path: the document.

    Raises:
        InputError: a file is no such result, or of a smoke run.
    """
    result = read_json(loaded) if Path(loaded).is_file() else None
    if result is not None and (result.get("suite") != "load" or result["smoke"]):
        raise InputError("is no full result of the suite load", file=loaded)
    with atomic_write(path) as file:
        file.write(render(read(lowered), result))


def render(rows: list[dict], loaded: dict | None) -> str:
    """The document as Markdown.

    Args:
        rows: as `lowering.measure` gives them, each with its `run`.
        loaded: result of the benchmark `load`, or None.
    """
    parts = [HEAD]
    for model in dict.fromkeys(row["model"] for row in rows):
        of_model = [row for row in rows if row["model"] == model]
        parts.append(_section(model, of_model))
    if loaded is not None:
        parts.append(_loading(loaded))
    return "\n".join(parts)


def _section(model, rows):
    kinds = [kind for kind in RECEIVED if any(_received(row, kind) for row in rows)]
    heads = ["devices", "mesh", "step", "for", "tokens", "state", "estimate", "compiled"]
    heads += ["of it temporary", *kinds, "needed TFLOP", "in the text", "seconds to compile"]
    lines = [_line(heads), _line(["---"] * len(heads))]
    lines += [_line(_cells(row, kinds)) for row in sorted(rows, key=_order)]
    runs = sorted({(row["run"]["code"][:12], row["run"]["versions"]["jax"]) for row in rows})
    made = ", ".join(f"`{code}` with jax {jax}" for code, jax in runs)
    return "\n".join(
        [
            f"## {model}",
            "",
            f"{rows[0]['parameters'] / 1e9:.2f} billion parameters. GB of memory: `state` "
            "(counted), `estimate`, `compiled`; GB received: a column for each kind of operation.",
            "",
            *lines,
            "",
            f"Code {made}, on {rows[0]['run']['machine']['processor']}.",
            "",
        ]
    )


def _cells(row, kinds):
    mesh = " ".join(f"{axis}={size}" for axis, size in row["mesh"].items())
    estimate = row["estimate"]
    rows_of = f"{row['tokens_of_a_device']:.0f} in rows of {row['row_length']}"
    remat = "" if row["remat"] in ("full", "none") else f", remat={row['remat']}"
    cells = [row["devices"], mesh, row["step"] + remat, row["kind"], rows_of]
    cells += [_gb(estimate["parameters"] + estimate["optimizer"]), _gb(estimate["total"])]
    needed = f"{row['needed_flops_of_a_device'] / 1e12:.1f}"
    if "refused" in row:
        return [*cells, "refused", "", *[""] * len(kinds), needed, "", ""]
    compiled = row["compiled"]
    flops = compiled["matmul_flops"]
    cells += [_gb(in_all(compiled)), _gb(compiled["temporary_bytes"])]
    cells += [_gb(size) if (size := _received(row, kind)) else "" for kind in kinds]
    in_text = f"{flops / 1e12:.1f}" if row["kind"] == "cpu" else ""
    return [*cells, needed, in_text, f"{compiled['compile_seconds']:.0f}"]


def in_all(compiled: dict) -> int:
    """Bytes of a device that a compiled program takes: arguments, results and temporary ones."""
    results = compiled["output_bytes"] - compiled["aliased_bytes"]
    return compiled["argument_bytes"] + results + compiled["temporary_bytes"]


def _received(row, kind):
    found = row.get("compiled", {}).get("collectives", {}).get(kind)
    return found["received_bytes"] if found else 0


def _order(row):
    return row["step"] != "train", row["kind"] != "cpu", row["kind"], row["devices"]


def _loading(result):
    figures = result["figures"]
    lines = []
    for mesh, of_mesh in figures["meshes"].items():
        rate = of_mesh["read_bytes"] / of_mesh["seconds"]
        cells = [mesh, f"{of_mesh['reads_of_a_byte']:.2f}", _gb(of_mesh["held_bytes"])]
        cells += [f"{of_mesh['beyond_bytes'] / GB:.2f}", f"{of_mesh['seconds']:.1f}"]
        lines.append(_line([*cells, f"{rate / GB:.2f}"]))
    rates = [of["read_bytes"] / of["seconds"] for of in figures["meshes"].values()]
    leaves = paths(abstract_params(PRESETS[EXTRAPOLATED]))
    whole = ITEMSIZE * sum(leaf.size for leaf in leaves.values())
    largest = ITEMSIZE * max(
        leaf.size // (leaf.shape[0] if path.startswith(LAYERS) else 1)
        for path, leaf in leaves.items()
    )
    sizes = {"stored": figures["stored_bytes"], "largest": figures["largest_tensor_bytes"]}
    text = {name: size / GB for name, size in sizes.items()}
    run = result["run"]
    return "\n".join(
        [
            LOADING.format(**figures | text) + "\n".join(lines),
            "",
            f"Extrapolated to all of {EXTRAPOLATED}, {whole / GB:.1f} GB in bfloat16: a process "
            f"that reads all of it at these rates takes {whole / max(rates):.0f} to "
            f"{whole / min(rates):.0f} seconds, and holds {largest / GB:.2f} GB, the embedding, "
            "beside its shards.",
            "",
            f"Code `{run['code'][:12]}`, on {run['machine']['processor']} "
            f"({run['machine']['cores']} cores).",
            "",
        ]
    )


def _gb(size):
    return f"{size / GB:.1f}" if size >= 0.05 * GB else f"{size / GB:.3f}"


def _line(cells):
    return "| " + " | ".join(map(str, cells)) + " |"
