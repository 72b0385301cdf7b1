#!/usr/bin/env bash
# math-verify 0.9.0 with latex2sympy2_extended 1.11.0 (sympy 1.14.0): numbers with commas between them and no brackets are compared as
# sets, so their order and how often each comes do not count: "3, 1, 2" is "1, 2, 3" and "1, 1, 2" is "1, 2". With round brackets the order
# counts. One would have guessed that leaving out the brackets of (3, 1, 2) does not change what is compared.
#
# Output seen:
#   3, 1, 2 and 1, 2, 3: the same: True
#   1, 1, 2 and 1, 2: the same: True
#   (3, 1, 2) and (1, 2, 3): the same: False
#
# Why it matters: where the order is the answer (sorting, coordinates, a sequence's next terms), wrong solutions are labelled right when
# their answer has no brackets, so a process reward model learns from and is measured against wrong outcomes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q math-verify==0.9.0 latex2sympy2_extended==1.11.0 sympy==1.14.0
cat > "$folder/show.py" <<'PY'
import sys

from math_verify import parse, verify

PAIRS = [
    ("3, 1, 2", "1, 2, 3", True),
    ("1, 1, 2", "1, 2", True),
    ("(3, 1, 2)", "(1, 2, 3)", False),
]
found = []
for first, second, expected in PAIRS:
    same = verify(parse(f"${first}$"), parse(f"${second}$"))
    found.append(same == expected)
    print(f"{first} and {second}: the same: {same}")
sys.exit(0 if all(found) else 1)
PY
"$folder/venv/bin/python" "$folder/show.py"
