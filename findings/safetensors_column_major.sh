#!/usr/bin/env bash
# safetensors 0.8.0 with numpy 2.2.6: a column-major array (such as a transposed one) is written as its
# memory lies, under its row-major shape; numpy's own files keep the order, and nothing is reported.
#
# Output seen:
#   save_file, in order: [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]], equal: True
#   save_file, transposed: [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]], equal: False
#   save, transposed: [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]], equal: False
#   save, in order: [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]], equal: True
#
# Why it matters: heads are transposed between JAX and torch. A square kernel written so loads without
# an error and scores other steps as right. Bring arrays into row-major order before writing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "safetensors==0.8.0" "numpy==2.2.6"
"$folder/venv/bin/python" - "$folder/a.safetensors" <<'PYTHON'
import sys

import numpy as np
from safetensors.numpy import load, load_file, save, save_file

kernel = np.arange(6, dtype=np.float32).reshape(3, 2)
stored = {"transposed": kernel.T, "in order": np.ascontiguousarray(kernel.T)}
save_file(stored, sys.argv[1])
for how, back in (("save_file", load_file(sys.argv[1])), ("save", load(save(stored)))):
    for name, array in back.items():
        print(f"{how}, {name}: {array.tolist()}, equal: {np.array_equal(array, stored[name])}")
wrong = not np.array_equal(load_file(sys.argv[1])["transposed"], kernel.T)
sys.exit(0 if wrong else "the behaviour has changed")
PYTHON
