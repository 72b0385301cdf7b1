"""docs/benchmarks.md, from the files results/benchmark_*.json and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prm_jax import provenance
from prm_jax.errors import InputError
from prm_jax.files import atomic_write
from prm_jax.json_files import read_json

HEAD = """# Benchmarks

How fast one machine works, and in how much memory. Each suite is a command, whose result file
holds the sizes, the seed, every pair of runs, the medians, and the machine:

    python -m experiments.benchmark                   # lists the suites
    python -m experiments.benchmark --suite=score --output=results/benchmark_score.json \\
        --plot=results/roofline_score.svg
    python -m experiments.benchmark --suite=score --smoke     # only shows that it runs
    python -m experiments.benchmark --document                # writes this file from results/

Let nothing else run beside a suite. Ways that are compared run in turn in one run of the suite,
after a first run of each, which compiles (of the padded recipe a first batch: it has nothing to
compile); a ratio is the median of the ratios of each pair. Each way is a process of its own, so
that its peak memory (resident, shared pages included) is its own, and has all cores that the
command may use. What the command's environment sets holds for both. The comparison needs PyTorch
and transformers; without them a suite measures ours alone.

## What is counted

*Useful tokens* are those of the solutions as a model reads them, without padding.

*Operations.* A multiplication and an addition are two:

| part | operations |
| --- | --- |
| projections | 2 P a token, with P the weights of q, k, v, o, gate, up and down in all layers |
| attention | 4 N H a layer for each pair of a query and a key that it sees |
| head | 2 D C a step |
| training | 3 times a forward pass; what the backward pass computes again is not counted |

A solution of n tokens has n (n + 1) / 2 such pairs, fewer in layers with a window.

*Matmul limit*: the seconds that jitted `jnp.dot` takes, in the same run and in turn, for as many
operations on as many tokens and the model's own projection matrices. Its share is the limit over
the seconds measured; over solutions, padding counts as lost. *MFU* is the share of the bfloat16
peak of an accelerator that `prm_jax/benchmark/flops.py` knows, and null elsewhere.

*Roofline* (`--plot`): operations a second of the projections alone, attention alone, a forward
pass and an update, over operations a byte, if each operation reads its operands and writes its
result once. The roof is the rate of the projections, its slope the rate at which 256 MiB are read
and written.

## What each suite measures

- **score**: 64 solutions of random digits, as long as ProcessBench's olympiad solutions
  (log-normal, 150 to 1,800 tokens, mean 737), in steps of about 60 tokens, through the library's
  scorer with its defaults. The other way is `LlamaForTokenClassification` of the same shape on
  padded batches of 8 in the order given, in the same precision, on the same token ids. Then a
  forward pass on full rows of 512 to 1,024 tokens against the matmul limit, in a batch of 8,192
  tokens and in one of a single row, which is what scoring runs on a CPU; the cost of combined
  scorers over one pass; and whether tokens a second stay flat from 1 to 200 steps a solution and
  from 1,000 to 100,000 short solutions a file (a tiny model, so that what is around it shows).
- **train**: an epoch over 64 such solutions, cut at 1,024 tokens, which is TRL's default for
  process reward models. Ours is the trainer's own step on packed batches of 4 rows of 1,024, a row
  at a time (`microbatches=4`), everything else at its default; the other way is an update of AdamW
  for each padded batch of 8. Then speed and peak memory of the default batch, whole and a row at a
  time, of LoRA and of the top layers.
- **mfu**: for accelerators: a forward pass and the trainer's updates on full rows of 4,096 tokens,
  Qwen2.5-1.5B's shape with random weights, bfloat16; without and with recomputed activations.
- **input**: the shuffled stream of packed batches alone, over array_record files of 1,000 to
  1,000,000 solutions, against training with the default configuration.
- **compile**: `experiments.score` on 10 solutions, from start to end of the process, with an
  empty and with a filled directory in `JAX_COMPILATION_CACHE_DIR`; then the programs that a first
  file and others of other lengths compile in one process.
- **load**: a checkpoint of several files with layers of Qwen2.5-7B's shape onto meshes of fake
  devices: what is read, and the memory it takes beyond the shards.
- **best_of_n**: 32 candidates of one problem, their prompt computed once and 32 times.
- **sdm**: fitting an SDM estimator on 20,000 rows and calibrating it on as many.

## Results
"""
NOTHING = "\nNo suite has been run yet.\n"
NAMED = {
    "rows": "{} rows",
    "row_length": "of {:,} tokens",
    "trajectories": "{:,} solutions",
    "steps": "{:,} steps",
}
"""What figures in a list are called after, and how."""
LEFT_OUT = {"roofline", "seed", "device_memory_gib", "seconds_of_a_flop"}
"""Figures that only the result file holds, as are those that are lists of numbers."""


def write(results, path) -> None:
    """Writes the document of a directory of result files.

    Raises:
        InputError: a file is no result, or one of a smoke run.
    """
    text = render(read(results))
    with atomic_write(path) as file:
        file.write(text)


def read(directory) -> list[dict]:
    """The results of suites in a directory, by name; none if it does not exist.

    Raises:
        InputError: a file is no JSON object, or of a smoke run.
    """
    found = []
    for path in sorted(Path(directory).glob("benchmark_*.json")):
        result = read_json(path)
        if result.get("smoke") is not False or "figures" not in result:
            raise InputError("is no result of a suite", file=path, remedy="take it away")
        found.append({"file": path.name, **result})
    return found


def render(results: list[dict]) -> str:
    """The document as Markdown, a table for each result."""
    if not results:
        return HEAD + NOTHING
    return "\n".join([HEAD, *(_section(result) for result in results)])


def flat(figures, name: str = "") -> Iterator[tuple[str, Any]]:
    """`(name, value)` of the figures that a table shows, nested ones after what holds them."""
    if isinstance(figures, dict):
        for key, value in figures.items():
            if key not in LEFT_OUT:
                words = key.replace("_", " ")
                yield from flat(value, f"{name}, {words}" if name else words)
    elif isinstance(figures, list):
        for number, item in enumerate(figures, start=1):
            if isinstance(item, dict):
                by = [key for key in NAMED if key in item]
                called = " ".join(NAMED[key].format(item[key]) for key in by) or str(number)
                rest = {key: value for key, value in item.items() if key not in by}
                yield from flat(rest, f"{name}, {called}" if name else called)
    elif figures is not None:
        yield name, figures


def _section(result):
    run = result["run"]
    machine, versions = run["machine"], run["versions"]
    devices = ", ".join(f"{n} {kind}" for kind, n in machine["devices"].items())
    return "\n".join(
        [
            f"### {result['suite']}",
            "",
            "| figure | value |",
            "| --- | --- |",
            *(f"| {name} | {_shown(value)} |" for name, value in flat(result["figures"])),
            "",
            f"{run['seconds'] / 60:.1f} minutes on {machine['processor']} ({machine['cores']} "
            f"cores, {machine['memory_gib']:g} GiB; {devices}), jax {versions['jax']}, code "
            f"`{run['code'][:12]}`: `{provenance.shell_command(run)}`; every number is in "
            f"`results/{result['file']}`.",
            "",
        ]
    )


def _shown(value):
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else value
