"""Compiles a step of a large model for many devices that are not here, and writes what it takes.

    python -m experiments.lower --model=qwen2.5-7b --devices=64 --step=train \
        --output=results/lowering.json
    python -m experiments.lower --document --output=results/lowering.json  # docs/scaling.md

Nothing is allocated or run: shapes are enough. --kind=v5p compiles for a TPU slice, which needs the
package libtpu (pip install -e '.[tpu]') and no TPU. --output gets the row in place of an older one
of the same program.
"""

import sys

from absl import flags

from prm_jax import cli
from prm_jax.scale import devices

MODEL = flags.DEFINE_string("model", "qwen2.5-7b", "A name in prm_jax/models/presets.py.")
STEP = flags.DEFINE_enum("step", "train", ["train", "score"], "What to compile.")
KIND = flags.DEFINE_enum("kind", "cpu", devices.KINDS, "Devices to compile for.")
DEVICES = flags.DEFINE_integer("devices", 8, "How many.", 1, 10**6)
DATA = flags.DEFINE_integer("data", 1, "Replicas; -1 is the devices that are left.")
FSDP = flags.DEFINE_integer("fsdp", -1, "Parameters and rows split; -1 is what is left.")
EXPERT = flags.DEFINE_integer("expert", 1, "Experts and rows split.")
SEQUENCE = flags.DEFINE_integer("sequence", 1, "Tokens of a row split.")
TENSOR = flags.DEFINE_integer("tensor", 1, "Heads and mlp width split.")
TOKENS = flags.DEFINE_integer("tokens", 4096, "Of a step, for each device.", 1, 2**24)
ROW_LENGTH = flags.DEFINE_integer("row_length", 1024, "Tokens of a row.", 1, 2**24)
REMAT = flags.DEFINE_enum("remat", "full", ["none", "full", "dots"], "What is computed again.")
OUTPUT = flags.DEFINE_string("output", "", "The JSON file that gets the row.")
DOCUMENT = flags.DEFINE_bool("document", False, "Write docs/scaling.md from --output, no more.")
DOCUMENT_PATH = flags.DEFINE_string("document_path", "docs/scaling.md", "Where --document writes.")
LOADING = flags.DEFINE_string(
    "loading", "results/benchmark_load.json", "Result of the suite load, for --document."
)


def main(_):
    """Compiles and adds a row, or writes the document."""
    import json  # here, so that --help and bad flags answer at once
    import time

    import jax

    from prm_jax.files import check_writable
    from prm_jax.models import make_mesh
    from prm_jax.scale import document, lowering
    from prm_jax.scale.programs import Work

    if DOCUMENT.value:
        document.write(OUTPUT.value, LOADING.value, DOCUMENT_PATH.value)
        return
    if OUTPUT.value:
        check_writable(OUTPUT.value)
    devices.prepare(KIND.value, DEVICES.value)
    jax.config.update("jax_enable_compilation_cache", False)  # the compile time is a result
    began = time.monotonic()
    mesh = make_mesh(
        data=DATA.value,
        expert=EXPERT.value,
        fsdp=FSDP.value,
        sequence=SEQUENCE.value,
        tensor=TENSOR.value,
        devices=devices.make_devices(KIND.value, DEVICES.value),
    )
    rows = TOKENS.value * DEVICES.value // ROW_LENGTH.value
    work = Work(MODEL.value, STEP.value, rows, ROW_LENGTH.value, REMAT.value)
    row = lowering.measure(work, mesh, KIND.value)
    command = " ".join(["python -m experiments.lower", *sys.argv[1:]])
    if OUTPUT.value:
        lowering.add(row, OUTPUT.value, command, time.monotonic() - began)
    print(json.dumps(row, indent=2))


if __name__ == "__main__":
    cli.run(main)
