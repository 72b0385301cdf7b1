#!/usr/bin/env bash
# pandas 2.3.3: `read_json` makes numbers of JSON *strings* if all of a column read as numbers; one
# that does not keeps the whole column text. Integers beside a null then are floats, and are written
# so.
#
# Output seen, for the rows {"id": "0007", "answer": "18", "gold": "18.50", "label": -1} and
# {"id": "0008", "answer": null, "gold": "1e3", "label": null}:
#   read: {'id': 7, 'answer': 18.0, 'gold': 18.5, 'label': -1.0}
#   written: {"id":7,"answer":18.0,"gold":18.5,"label":-1.0}
#   gold beside "1/2": '18.50'
#
# Why it matters: ids lose their zeros, so that scores are joined to other solutions or to none; the
# answers "18" and "18.50" are no longer the texts that a voting or grading rule compares; the type
# depends on what other rows hold, so a subset of a set can differ from the set. Error indices come
# back as -1.0. Pass dtype=False (which keeps texts, not the integers beside nulls).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "pandas==2.3.3" 2> "$folder/pip.log" || { cat "$folder/pip.log"; exit 1; }
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import io
import json

import pandas

rows = [
    {"id": "0007", "answer": "18", "gold": "18.50", "label": -1},
    {"id": "0008", "answer": None, "gold": "1e3", "label": None},
]


def read(rows, **options):
    text = "".join(json.dumps(row) + "\n" for row in rows)
    return pandas.read_json(io.StringIO(text), lines=True, **options)


found = read(rows).to_dict("records")[0]
written = read(rows).to_json(orient="records", lines=True).split("\n")[0]
beside = read([rows[0], rows[1] | {"gold": "1/2"}])["gold"][0]
print(f"read: {found}")
print(f"written: {written}")
print(f'gold beside "1/2": {beside!r}')
assert found == {"id": 7, "answer": 18.0, "gold": 18.5, "label": -1.0} and beside == "18.50"
kept = read(rows, dtype=False).to_dict("records")[0]
assert kept["id"] == "0007" and kept["answer"] == "18" and kept["gold"] == "18.50", kept
PYTHON
