r"""Completions as search-and-learn writes them: the solutions that were sampled or searched for a
problem, with the scores of a process reward model.

Source: its best_of_n.py, utils/score.py and utils/math.py, and the completions under HuggingFaceH4
on the hub. A row has `problem`, `answer` (the true one), `unique_id`, `completions` (texts),
`scores` (for each completion a list with one number a step), `agg_scores` (one for each),
`completion_tokens`, and predictions: `pred`, `pred_naive@4`, `pred_weighted@4` and so on.

The file does not say where its steps end; its reward models cut at "\n\n" (Skywork's at "\n") and
score what lies between, blank pieces too. Steps are cut at the first of these that gives as many as
there are scores. One score for several steps is that of the solution. Lists with an entry a
completion are shared out to the candidates' `meta`, so that `scores` and `agg_scores` can be
replayed; the copies for subsets (`completions@4`) are left out. A candidate's answer is its entry
of `preds`, or what it boxes last.
"""

from prm_jax.errors import InputError
from prm_jax.json_values import name as name_of
from prm_jax.records import Trajectory

NAME = "search_and_learn"
SEPARATORS = ("\n\n", "\n")
PROBLEMS = ("problem", "question", "prompt")
TEXTS = ("text", "completion", "content")  # of a completion that is an object
NOT_KEPT = (*PROBLEMS, "answer", "unique_id", "completions", "preds")


def detect(row):
    """Whether a row looks like this format."""
    if not isinstance(row.get("completions"), list):
        return False
    if isinstance(row.get("prompt"), str):
        return competes(row)
    return isinstance(row.get("problem"), str) or isinstance(row.get("question"), str)


def competes(row):
    """Whether the `completions` of a row with a `prompt` are solutions, each with scores of its
    own, and not the steps of one, as in TRL's rows."""
    completions, scores = row.get("completions"), row.get("scores")
    if not isinstance(completions, list) or not isinstance(scores, list):
        return False
    own = bool(scores) and all(isinstance(entry, list) for entry in scores)
    return own and len(scores) == len(completions)


def read(row, where, separator=None):
    """One trajectory a completion; those of a row compete.

    Args:
        row: parsed JSON.
        where: its place.
        separator: what ends a step, if neither of SEPARATORS fits.
    """
    if separator is not None and (not isinstance(separator, str) or not separator):
        raise InputError("must be a text", field="separator")
    completions = row.get("completions")
    if not isinstance(completions, list) or not completions:
        raise where.error("must be a list with at least one completion", field="completions")
    scores = row.get("scores")
    if not isinstance(scores, list | None) or (scores and len(scores) != len(completions)):
        found = len(scores) if isinstance(scores, list) else "no"
        raise where.error(f"has {found} entries for {len(completions)} completions", field="scores")
    shared, own = _shared_out(row, len(completions))
    group = name_of(row.get("unique_id")) or where.name
    separators = SEPARATORS if separator is None else (separator,)
    trajectories = []
    for index, completion in enumerate(completions):
        field = f"completions[{index}]"
        given = scores[index] if scores else None
        if isinstance(completion, dict):
            own[index] |= {k: v for k, v in completion.items() if k not in TEXTS}
            given = own[index].pop("scores", given)
            completion = next((completion[name] for name in TEXTS if name in completion), None)
        if not isinstance(completion, str) or not completion.strip():
            raise where.error("must be a string that is not empty", field=field)
        steps, kept = _steps(completion, given, separators, where, f"scores[{index}]")
        preds = row.get("preds")
        named = isinstance(preds, list) and len(preds) == len(completions)
        meta = {**shared, **own[index]} | ({} if kept is None else {"scores": kept})
        fields = {
            "problem": next((row[name] for name in PROBLEMS if row.get(name) is not None), None),
            "steps": steps,
            "answer": name_of(preds[index]) if named else _boxed(completion),
            "gold": name_of(row.get("answer")),
            "id": f"{group}/{index}",
            "group": group,
            "source": NAME,
            "meta": meta,
        }
        trajectories.append(Trajectory.from_dict(fields, where))
    return trajectories


def _shared_out(row, n):
    """`(fields of all candidates, fields of each)`."""
    shared: dict = {}
    own: list[dict] = [{} for _ in range(n)]
    for name, value in row.items():
        if name in NOT_KEPT or name == "scores" or (isinstance(value, list) and "@" in name):
            continue
        if isinstance(value, list) and len(value) == n:
            for meta, entry in zip(own, value):
                meta[name] = entry
        else:
            shared[name] = value
    return shared, own


def _steps(completion, scores, separators, where, field):
    """`(steps, their scores or the solution's)`; pieces without text take their score with them."""
    cuts = [[piece.strip() for piece in completion.split(end)] for end in separators]
    first = [piece for piece in cuts[0] if piece]
    if scores is None or type(scores) in (int, float):
        return first, scores
    if not isinstance(scores, list):
        raise where.error("must be a list of numbers", field=field)
    for pieces in cuts:
        steps = [piece for piece in pieces if piece]
        if len(scores) == len(steps):
            return steps, scores
        if len(scores) == len(pieces):
            return steps, [score for piece, score in zip(pieces, scores) if piece]
    if len(scores) == 1:
        return first, scores[0]
    raise where.error(
        f"has {len(scores)} entries for {len(first)} steps",
        field=field,
        remedy="give the option separator, the text that ends a step",
    )


def _boxed(text):
    """What the last box of a text holds; None without one that is closed."""
    start = text.rfind("\\boxed{")
    if start < 0:
        return None
    depth, first = 0, start + len("\\boxed")
    for place in range(first, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return text[first + 1 : place].strip()
    return None
