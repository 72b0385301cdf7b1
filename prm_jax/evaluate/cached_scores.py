"""Scores that a file holds by the solution they belong to, in any order, as caches do.

- StrictPRMBench's, of pools: rows of `problem_id`, `candidate_index` and `step_scores`, which
  belong to the candidate `problem_id/candidate_index`.
- StrictPRMBench's, of edits: rows of `pair_id`, `clean_step_scores` and `modified_step_scores`,
  which belong to `pair_id/clean` and `pair_id/modified`.
- A JSON document (.json): an object from the id of a solution to its step scores, or from the id of
  a group to a list with the step scores of each of its candidates.
"""

import json

from prm_jax.errors import InputError
from prm_jax.records import Where, read_jsonl

EDITS = {"clean": "clean_step_scores", "modified": "modified_step_scores"}
LAYOUTS = {"problem_id", "candidate_index", "step_scores"}, {"pair_id", *EDITS.values()}


def entries(path):
    """The scores of a cache: list of `(Where, field, id of a solution, its scores)`.

    Args:
        path: the file.

    Returns:
        None if it is no cache.

    Raises:
        InputError: its rows are not all of one kind.
    """
    document = _document(path)
    if document is not None:
        return document
    if not _is_cached(next(read_jsonl(path))[1]):
        return None
    found = []
    for where, row in read_jsonl(path):
        if not _is_cached(row):
            raise where.error("names no candidate, unlike the rows before", field="problem_id")
        if set(EDITS.values()) <= set(row):  # such rows name the candidate that was edited, too
            names = {field: f"{row['pair_id']}/{name}" for name, field in EDITS.items()}
        else:
            names = {"step_scores": f"{row['problem_id']}/{row['candidate_index']}"}
        found += [(where, field, name, row[field]) for field, name in names.items()]
    return found


def join(found, trajectories, checked, path):
    """Joins the scores of a cache to trajectories by id.

    Args:
        found: of `entries`.
        trajectories: with ids. Scores of others are passed over, as a cache covers whole sets.
        checked: `checked(values, trajectory, field, error) -> values`, which raises if they are not
            one number a step.
        path: the file, for messages.

    Returns:
        Per trajectory its step scores.

    Raises:
        InputError: a trajectory has no scores, two that differ, or not one a step.
    """
    index_of = {t.id: i for i, t in enumerate(trajectories)}
    scores: list = [None] * len(trajectories)
    for where, field, name, values in found:
        index = index_of.get(name)
        if index is None:
            continue
        values = checked(values, trajectories[index], field, where.error)
        if scores[index] not in (None, values):
            raise where.error(f"has other scores of {name!r} than a line before", field=field)
        scores[index] = values
    missing = [t.id for t, values in zip(trajectories, scores) if values is None]
    if missing:
        raise InputError(
            f"has no scores of {len(missing)} of {len(scores)} solutions, such as {missing[0]!r}",
            file=path,
            remedy="ids of candidates are PROBLEM_ID/INDEX; is it the cache of this input?",
        )
    return scores


def _is_cached(row):
    return isinstance(row, dict) and "id" not in row and any(names <= set(row) for names in LAYOUTS)


def _document(path):
    """The entries of an object of lists, None if the file is none."""
    if not str(path).endswith(".json"):
        return None
    try:
        with open(path, encoding="utf-8-sig") as file:
            document = json.load(file)
    except (OSError, ValueError, RecursionError):
        return None  # the reader of lines says what is wrong
    values = document.values() if isinstance(document, dict) else ()
    if not values or not all(isinstance(value, list) for value in values):
        return None
    found, where = [], Where(str(path))
    for name, value in document.items():
        if value and all(isinstance(scores, list) for scores in value):
            found += [(where, name, f"{name}/{i}", scores) for i, scores in enumerate(value)]
        else:
            found.append((where, name, name, value))
    return found
