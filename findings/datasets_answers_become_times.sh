#!/usr/bin/env bash
# datasets 4.4.1 with pyarrow 22.0.0: text that reads as a date, in every row of a JSON column, is
# loaded as a time, and written back by `to_json` as a count of milliseconds. A fraction of a second
# keeps the same column text.
#
# Output seen, for two rows with the answers "2024-01-01" and "2024-01-03":
#   answer in the file: '2024-01-01', once loaded: datetime.datetime(2024, 1, 1, 0, 0)
#   answer written back: 1704067200000
#   the type of a time with a fraction: string
#
# Why it matters: final answers and targets of questions about dates stop being text, so that no
# solution's answer equals them any more, and a set that was loaded and saved once holds numbers that
# nobody wrote. PRM800K's column `timestamp` changes its type in the same way. Name the features when
# loading, or read the rows with a plain JSON reader.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "datasets==4.4.1" "pyarrow==22.0.0" 2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
cd "$folder"
HF_HOME="$folder/home" HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - <<'PYTHON'
import json

import datasets

datasets.disable_progress_bars()
rows = [
    {"problem": "Which day is it?", "steps": ["Yesterday was 31 December."], "answer": "2024-01-01"},
    {"problem": "And two days on?", "steps": ["1 + 2 = 3"], "answer": "2024-01-03"},
]


def load(name, rows):
    with open(name, "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return datasets.load_dataset("json", data_files=name, split="train")


data = load("rows.jsonl", rows)
loaded = data[0]["answer"]
data.to_json("back.jsonl")
back = json.loads(open("back.jsonl").readline())["answer"]
fractions = load("fractions.jsonl", [{"timestamp": f"2022-07-30T14:39:0{i}.25"} for i in range(2)])
kind = fractions.features["timestamp"].dtype
print(f"answer in the file: {rows[0]['answer']!r}, once loaded: {loaded!r}")
print(f"answer written back: {back!r}")
print(f"the type of a time with a fraction: {kind}")
assert str(loaded) == "2024-01-01 00:00:00" and back == 1704067200000 and kind == "string"
PYTHON
