"""Scores that a file holds by the problem and the candidate, in any order, as StrictPRMBench's
caches do.

A row of a pool's cache has `problem_id`, `candidate_index` and `step_scores`: it belongs to the
candidate `problem_id/candidate_index`. A row of an edit's has `pair_id`, `clean_step_scores` and
`modified_step_scores`: they belong to `pair_id/clean` and `pair_id/modified`.
"""

from prm_jax.errors import InputError
from prm_jax.records import read_jsonl

EDITS = {"clean": "clean_step_scores", "modified": "modified_step_scores"}


def is_cache(row) -> bool:
    """Whether a row of scores names a candidate, or a pair, instead of a solution."""
    if not isinstance(row, dict) or "id" in row:
        return False
    layouts = {"problem_id", "candidate_index", "step_scores"}, {"pair_id", *EDITS.values()}
    return any(layout <= set(row) for layout in layouts)


def read_cache(path, trajectories, checked):
    """Joins the scores of a cache to trajectories by id.

    Args:
        path: JSON lines.
        trajectories: with ids. Scores of others are passed over, as a cache covers whole sets.
        checked: `checked(values, trajectory, field, error) -> values`, which raises if they are not
            one number a step.

    Returns:
        Per trajectory its step scores.

    Raises:
        InputError: a trajectory has no scores, two that differ, or not one a step.
    """
    index_of = {t.id: i for i, t in enumerate(trajectories)}
    scores: list = [None] * len(trajectories)
    for where, row in read_jsonl(path):
        if not is_cache(row):
            raise where.error("names no candidate, unlike the rows before", field="problem_id")
        for name, field in _entries(row):
            index = index_of.get(name)
            if index is None:
                continue
            values = checked(row.get(field), trajectories[index], field, where.error)
            if scores[index] not in (None, values):
                raise where.error(f"has other scores of {name!r} than a line before", field=field)
            scores[index] = values
    missing = [t.id for t, values in zip(trajectories, scores) if values is None]
    if missing:
        raise InputError(
            f"has no scores of {len(missing)} of {len(scores)} solutions, such as {missing[0]!r}",
            file=path,
            remedy="ids are PROBLEM_ID/CANDIDATE_INDEX; is it the cache of this input?",
        )
    return scores


def _entries(row):
    """`(id of a trajectory, field of its scores)` of a row."""
    if set(EDITS.values()) <= set(row):  # such rows name the candidate that was edited, too
        return [(f"{row['pair_id']}/{name}", field) for name, field in EDITS.items()]
    return [(f"{row['problem_id']}/{row['candidate_index']}", "step_scores")]
