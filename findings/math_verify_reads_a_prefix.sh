#!/usr/bin/env bash
# math-verify 0.9.0 with latex2sympy2_extended 1.11.0 (sympy 1.14.0): an answer that cannot be parsed to its end is parsed up to where
# that works, without a word. `2+\mathrm{i}` is read as 2, so 2+i and 2-i are the same answer; so are 0.333... and 0.666... in LaTeX's
# notation for repeating decimals, and a sum up to n and one up to 2n. One would have guessed that what is not understood is reported, or
# compared as text.
#
# Output seen:
#   2+\mathrm{i}: 2; 2-\mathrm{i}: 2; the same: True
#   0.\overline{3}: 0; 0.\overline{6}: 0; the same: True
#   1+2+\cdots+n: 1; 1+2+\cdots+2n: 1; the same: True
#
# Why it matters: outcome labels for reward models, best-of-N accuracy and majority votes are made with this comparison. Wrong
# solutions become right ones, and votes are added up that belong to different answers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q math-verify==0.9.0 latex2sympy2_extended==1.11.0 sympy==1.14.0
cat > "$folder/show.py" <<'PY'
import sys

from math_verify import parse, verify

PAIRS = [
    (r"2+\mathrm{i}", r"2-\mathrm{i}"),
    (r"0.\overline{3}", r"0.\overline{6}"),
    (r"1+2+\cdots+n", r"1+2+\cdots+2n"),
]
found = []
for first, second in PAIRS:
    gold, answer = parse(f"${first}$"), parse(f"${second}$")
    found.append(verify(gold, answer))
    print(f"{first}: {gold[0]}; {second}: {answer[0]}; the same: {found[-1]}")
sys.exit(0 if all(found) else 1)
PY
"$folder/venv/bin/python" "$folder/show.py"
