#!/usr/bin/env bash
# jax 0.10.2, jaxlib 0.10.2, on a CPU.
#
# jax.lax.ragged_dot multiplies rows that are sorted by group, each group with a matrix of its own:
# what a layer of experts needs. One would guess that it costs rows x inputs x outputs, however many
# groups there are. On a CPU it is written out as one dense product instead: every row is copied once
# for each group, zeroed where it does not belong, and multiplied by all the matrices. With the same
# number of rows, operations and memory grow with the number of groups.
#
# Seen:
#   4 groups: 4.1 times the operations that are needed, temporary memory of 4.5 times the rows
#   64 groups: 66.0 times the operations that are needed, temporary memory of 72.0 times the rows
#
# Why it matters: a process reward model on a backbone with experts (128 of them, 8 to a token, in
# Qwen3-30B-A3B) that is scored on a machine without an accelerator does 128 times the expert
# products that its routing asks for, and a batch that fits easily with a handful of experts runs out
# of memory. Nothing in the result shows it.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2
JAX_PLATFORMS=cpu "$directory/venv/bin/python" - <<'PY'
import jax
import jax.numpy as jnp

ROWS, INPUTS, OUTPUTS = 512, 64, 64
needed = 2 * ROWS * INPUTS * OUTPUTS
times = {}
for groups in (4, 64):
    shapes = (
        jax.ShapeDtypeStruct((ROWS, INPUTS), jnp.float32),
        jax.ShapeDtypeStruct((groups, INPUTS, OUTPUTS), jnp.float32),
        jax.ShapeDtypeStruct((groups,), jnp.int32),
    )
    program = jax.jit(jax.lax.ragged_dot).lower(*shapes).compile()
    times[groups] = program.cost_analysis()["flops"] / needed
    held = program.memory_analysis().temp_size_in_bytes / (4 * ROWS * INPUTS)
    print(
        f"{groups} groups: {times[groups]:.1f} times the operations that are needed, "
        f"temporary memory of {held:.1f} times the rows"
    )
assert times[4] > 3, "a ragged product no longer costs a dense one for every group"
assert times[64] > 12 * times[4], "operations no longer grow with the number of groups"
PY
