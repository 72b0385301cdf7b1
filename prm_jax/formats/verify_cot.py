"""verify_cot (Deductive Verification of Chain-of-Thought Reasoning, arXiv:2306.03872): chains in
"Natural Program" form, judged as a whole.

Source: the authors' README, data/human_annotation and the function parse_steps of
run_verification.py. An annotation has `answer` (the chain), `flag` (1 for a valid chain, 0 for one
with a mistake somewhere) and `correct` (whether the final answer is right); `final_answer` is the
true one. A chain's blocks begin with "#i."; those that cite others, "(by #1 #2)", or say "Step" are
its steps, the ones before restate the question and are kept as `meta['premises']`. All steps of a
valid chain are right; where a chain has a mistake, its steps are unlabelled, as nothing says where.

Rows of results/ have ten chains in `model_outputs`, with `per_sample_correct`; these compete.
"""

import re

from prm_jax.json_values import boolean
from prm_jax.json_values import name as name_of
from prm_jax.records import Trajectory

NAME = "verify_cot"
OPENING = re.compile(r"(?:First|Next),? let's")
BLOCK = re.compile(r"\n(?=#)")
CHAINS, CORRECT = "model_outputs", "per_sample_correct"
READ = ("question", "answer", "final_answer", "correct", CHAINS, CORRECT, "pred_answers")
NOT_KEPT = (*READ, "model_input", "verify_results", "verify_result", "verify_correct")


def detect(row):
    """Whether a row looks like this format."""
    annotated = isinstance(row.get("answer"), str) and "flag" in row and "correct" in row
    sampled = isinstance(row.get(CHAINS), list) and CORRECT in row
    return "question" in row and (annotated or sampled)


def read(row, where):
    """One trajectory a chain."""
    if row.get(CHAINS) is not None:
        return _read_chains(row, where)
    valid = boolean(row.get("flag"))
    if valid is None:
        raise where.error(f"must be 0 or 1, not {row.get('flag')!r}", field="flag")
    return [_trajectory(row, row.get("answer"), row.get("correct"), valid, where, "answer")]


def _read_chains(row, where):
    chains, correct = row[CHAINS], row.get(CORRECT)
    if not isinstance(chains, list) or not chains:
        raise where.error("must be a list with at least one chain", field=CHAINS)
    if not isinstance(correct, list) or len(correct) != len(chains):
        raise where.error(f"needs one entry a chain, of {len(chains)}", field=CORRECT)
    answers = row.get("pred_answers")
    if not isinstance(answers, list) or len(answers) != len(chains):
        answers = [None] * len(chains)
    group = f"{NAME}/{name_of(row.get('example_idx')) or where.name}"
    return [
        _trajectory(
            row,
            chain,
            correct[index],
            False,
            where,
            f"{CHAINS}[{index}]",
            answer=name_of(answers[index]),
            id=f"{group}/{index}",
            group=group,
        )
        for index, chain in enumerate(chains)
    ]


def _trajectory(row, chain, correct, valid, where, field, **more):
    if not isinstance(chain, str) or not chain.strip():
        raise where.error("must be a string that is not empty", field=field)
    premises, steps = _blocks(chain)
    if not steps:
        raise where.error("has no step: no block says (by ...) or Step", field=field)
    fields = {
        "problem": row.get("question"),
        "steps": steps,
        "first_error": -1 if valid else None,
        "outcome": correct,
        "gold": name_of(row.get("final_answer")),
        "source": NAME,
        "meta": {k: v for k, v in row.items() if k not in NOT_KEPT} | {"premises": premises},
        **more,
    }
    return Trajectory.from_dict(fields, where)


def _blocks(chain):
    """`(premises, steps)`."""
    lines = [line.strip() for line in chain.split("\n")]
    text = "\n".join(line for line in lines if line and not OPENING.match(line))
    blocks = BLOCK.split(text)
    steps = [block for block in blocks if "(by" in block or "Step" in block]
    return [block for block in blocks if block not in steps], steps
