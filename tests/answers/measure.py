"""Error rate of a judge of answers on the table of pairs, before a change and after it.

    python tests/answers/measure.py --output=results/answers.json --before=fa7c6ba

`--before` names a commit whose `prm_jax/scoring/answers.py` is measured on the same table; what it
imports must be installed (math-verify[antlr4_13_2]==0.9.0 for fa7c6ba).
"""

import argparse
import importlib.metadata
import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import answer_pairs

from prm_jax import provenance
from prm_jax.files import write_json
from prm_jax.scoring import answers

FILES = ("answers.py", "answer_worker.py")
PACKAGES = ("sympy", "math-verify", "latex2sympy2_extended")


def measure(same_answer) -> dict:
    """How many pairs are judged wrongly, in all and by kind; a pair is judged in both orders."""
    began = time.monotonic()
    wrong = {"same taken for different": [], "different taken for same": []}
    by_kind: dict[str, dict[str, int]] = {}
    asymmetric = 0
    for first, second, kind, same in answer_pairs.all_pairs():
        verdicts = same_answer(first, second), same_answer(second, first)
        asymmetric += verdicts[0] != verdicts[1]
        counts = by_kind.setdefault(kind, {"pairs": 0, "wrong": 0})
        counts["pairs"] += 1
        if verdicts[0] != same:
            counts["wrong"] += 1
            name = "same taken for different" if same else "different taken for same"
            wrong[name].append([first, second])
    pairs = sum(counts["pairs"] for counts in by_kind.values())
    errors = sum(map(len, wrong.values()))
    return {
        "pairs": pairs,
        "wrong": errors,
        "error_rate": errors / pairs,
        "asymmetric": asymmetric,
        "seconds": round(time.monotonic() - began, 1),
        "by_kind": by_kind,
        "wrong_pairs": wrong,
    }


def judge_of(commit: str, folder: str):
    """`same_answer` as it was at a commit."""
    for name in FILES:
        show = ["git", "show", f"{commit}:prm_jax/scoring/{name}"]
        Path(folder, name).write_bytes(subprocess.run(show, check=True, capture_output=True).stdout)
    spec = importlib.util.spec_from_file_location("answers_before", Path(folder, FILES[0]))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.same_answer


def main():
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True)
    parser.add_argument("--before", help="commit to measure too")
    flags = parser.parse_args()
    began, result = time.monotonic(), {}
    if flags.before:
        with tempfile.TemporaryDirectory() as folder:
            result["before"] = {"commit": flags.before, **measure(judge_of(flags.before, folder))}
    result["after"] = measure(answers.same_answer)
    command = " ".join(["python tests/answers/measure.py", *sys.argv[1:]])
    result["run"] = provenance.run_record(command, time.monotonic() - began)
    for name in PACKAGES:
        try:
            result["run"]["versions"][name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            result["run"]["versions"][name] = None
    result["config"] = {"timeout_s": answers.TIMEOUT_S, "rule": answers.RULE}
    write_json(flags.output, result)
    for name in ("before", "after"):
        if name in result:
            of = result[name]
            print(f"{name}: {of['wrong']} of {of['pairs']} wrong, {of['asymmetric']} asymmetric")


if __name__ == "__main__":
    main()
