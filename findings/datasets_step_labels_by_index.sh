#!/usr/bin/env bash
# datasets 3.6.0 with pyarrow 20.0.0: labels that are a JSON object, from the number of a step to its
# label (as AgentProcessBench publishes them), become one field a number that any row of the file
# uses, null where a row has no such step, in the order in which the file first uses them.
#
# Output seen, for the rows {"2": 1, "4": -1}, {"3": 1} and {"2": 1, "4": 1, "10": -1}:
#   labels a row in the file: [2, 1, 3]
#   labels a row once loaded: [4, 4, 4]
#   steps not labelled 1 once loaded: [['4', '3', '10'], ['2', '4', '10'], ['3', '10']]
#   the second row: {'2': None, '4': None, '3': 1, '10': None}
#
# Why it matters: the row of a run with one labelled step now has as many as the file's longest run
# has, so that counts, means over steps and "the first step that is not right" are wrong without an
# error: null is not 1. Drop the nulls and check that each number is a step of its row.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "datasets==3.6.0" "pyarrow==20.0.0" "pandas==2.3.1" "numpy==2.2.6"
HF_HOME="$folder/home" "$folder/venv/bin/python" - "$folder/runs.jsonl" <<'PYTHON'
import json
import sys

import datasets

datasets.disable_progress_bars()
path = sys.argv[1]
runs = [{"2": 1, "4": -1}, {"3": 1}, {"2": 1, "4": 1, "10": -1}]
with open(path, "w") as file:
    file.writelines(json.dumps({"step_labels": labels}) + "\n" for labels in runs)
loaded = datasets.load_dataset("json", data_files=path, split="train")["step_labels"]
seen = {
    "labels a row in the file": [len(labels) for labels in runs],
    "labels a row once loaded": [len(labels) for labels in loaded],
    "steps not labelled 1 once loaded": [[k for k, v in row.items() if v != 1] for row in loaded],
    "the second row": loaded[1],
}
for name, value in seen.items():
    print(f"{name}: {value}")
counts = [len(labels) for labels in loaded]
changed = counts != [4, 4, 4] or loaded[1] != {"2": None, "3": 1, "4": None, "10": None}
sys.exit("the behaviour has changed" if changed else 0)
PYTHON
