"""StrictPRMBench: pools of candidates, single traces, and pairs of a trace with a step deleted.

Source: the published pools/, edits/ and scores/. A pool (one JSON file a problem) has `problem_id`
and `candidates`; a trace has `problem` (an object with `question` and `ground_truth`), `steps`
(objects with `index`, from 0, and `text`), `extracted_answer` and `is_correct`; an edit has
`original_trace` and `modified_trace`. Nothing is labelled a step. `is_correct` is the outcome as
published; it follows the extracted answer, which is "000" for some solutions that end in "$70,000".

The caches of scores, rows of `problem_id`, `candidate_index` and `step_scores`, hold no solution:
`experiments.evaluate --scores` joins them to the pools by the candidates' ids, `gsm8k_002/7`.
"""

from prm_jax.json_values import integer
from prm_jax.json_values import name as name_of
from prm_jax.records import Trajectory

NAME = "strict_prmbench"
TRACES = {"clean": "original_trace", "modified": "modified_trace"}
NOT_KEPT = ("problem_id", "problem", "raw_text", "steps", "extracted_answer", "is_correct")


def detect(row):
    """Whether a row looks like this format."""
    pool = isinstance(row.get("candidates"), list) and row.get("problem_id") is not None
    return pool or _is_trace(row) or all(isinstance(row.get(t), dict) for t in TRACES.values())


def read(row, where):
    """One trajectory a candidate, or a trace; those of a pool, and of a pair, compete."""
    if row.get("candidates") is not None:
        return _read_pool(row, where)
    if all(row.get(name) is None for name in TRACES.values()):
        group = name_of(row.get("problem_id")) or where.name
        return [_trajectory(row, where, "", id=group, group=group)]
    pair = row.get("pair_id")
    if not isinstance(pair, str):
        raise where.error("must be a string", field="pair_id")
    traces = (*TRACES.values(), "metadata")
    meta = {name: value for name, value in row.items() if name not in traces}
    found = []
    for name, field in TRACES.items():
        trace = row.get(field)
        if not isinstance(trace, dict):
            raise where.error("must be an object", field=field)
        found.append(
            _trajectory(trace, where, f"{field}.", id=f"{pair}/{name}", group=pair, meta=meta)
        )
    return found


def _is_trace(row):
    steps = row.get("steps")
    texts = isinstance(steps, list) and bool(steps) and isinstance(steps[0], dict)
    return texts and isinstance(row.get("problem"), dict)


def _read_pool(row, where):
    candidates, group = row["candidates"], name_of(row.get("problem_id")) or where.name
    if not isinstance(candidates, list) or not candidates:
        raise where.error("must be a list with at least one candidate", field="candidates")
    meta = {name: row[name] for name in ("n", "temperature") if name in row}
    found = []
    for index, candidate in enumerate(candidates):
        field = f"candidates[{index}]"
        if not isinstance(candidate, dict):
            raise where.error("must be an object", field=field)
        found.append(
            _trajectory(candidate, where, f"{field}.", f"{group}/{index}", group, meta=meta)
        )
    return found


def _trajectory(trace, where, field, id, group, meta=None):
    problem = trace.get("problem")
    if not isinstance(problem, dict):
        raise where.error("must be an object with a question", field=f"{field}problem")
    kept = {name: value for name, value in trace.items() if name not in NOT_KEPT}
    fields = {
        "problem": problem.get("question"),
        "steps": _texts(trace.get("steps"), where, f"{field}steps"),
        "outcome": trace.get("is_correct"),
        "answer": name_of(trace.get("extracted_answer")),
        "gold": name_of(problem.get("ground_truth")),
        "id": id,
        "group": group,
        "source": "/".join(filter(None, (NAME, name_of(problem.get("dataset"))))),
        "meta": {**(meta or {}), **kept},
    }
    return Trajectory.from_dict(fields, where)


def _texts(steps, where, field):
    if not isinstance(steps, list):
        raise where.error("must be a list of steps", field=field)
    for index, step in enumerate(steps):
        if not isinstance(step, dict) or integer(step.get("index", index)) != index:
            raise where.error(
                f"must be an object with a text and the index {index}", field=f"{field}[{index}]"
            )
    return [step.get("text") for step in steps]
