#!/usr/bin/env bash
# datasets 3.6.0 with pyarrow 20.0.0: a column of booleans takes any number that is not zero as True,
# without a word, and the column of a `map` has the type of its first batch of rows.
#
# So PRM800K's ratings (1 right, 0 neutral, -1 wrong), cast to the booleans that stepwise trainers
# want, give True for the wrong steps and False for the neutral ones; and where the first batch that
# `map` writes has hard labels and a later one soft labels, every soft label becomes True. A column
# of integers, in the same place, refuses the soft labels with an error, so one expects that here.
#
# Output seen:
#   ratings [1, 0, -1] cast to booleans: [True, False, True]
#   soft labels [0.75, 0.25, 0.0] cast to booleans: [True, True, False]
#   map, booleans first, then [0.75, 0.25]: [[True, False], [True, True]]
#   map, integers first, then [0.75, 0.25]: ArrowInvalid
#
# Why it matters: a process reward model is trained on these labels. Mixed from a set with hard and
# one with soft labels, or made of ratings by a cast, they say that wrong steps are right, and
# nothing fails. Turn ratings and rewards into labels by comparison, before they are stored.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "datasets==3.6.0" "pyarrow==20.0.0" "pandas==2.3.1" "numpy==2.2.6"
HF_HOME="$folder/home" "$folder/venv/bin/python" - <<'PYTHON'
import sys

import datasets
from datasets import Dataset, Sequence, Value

datasets.disable_progress_bars()


def cast(labels):
    rows = Dataset.from_list([{"labels": labels}])
    return rows.cast_column("labels", Sequence(Value("bool")))["labels"][0]


def mapped(first):
    """Labels of a row of the first batch written and of one of the second."""
    rows = Dataset.from_list([{"row": i} for i in range(4)])
    labelled = rows.map(
        lambda row: {"labels": first if row["row"] < 2 else [0.75, 0.25]}, writer_batch_size=2
    )
    return labelled["labels"][::3]


seen = {
    "ratings [1, 0, -1] cast to booleans": cast([1, 0, -1]),
    "soft labels [0.75, 0.25, 0.0] cast to booleans": cast([0.75, 0.25, 0.0]),
    "map, booleans first, then [0.75, 0.25]": mapped([True, False]),
}
try:
    seen["map, integers first, then [0.75, 0.25]"] = mapped([1, 0])
except Exception as error:
    seen["map, integers first, then [0.75, 0.25]"] = type(error).__name__
for name, value in seen.items():
    print(f"{name}: {value}")
expected = [[True, False, True], [True, True, False], [[True, False], [True, True]], "ArrowInvalid"]
sys.exit(0 if list(seen.values()) == expected else "the behaviour has changed")
PYTHON
