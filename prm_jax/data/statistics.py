"""What a set of trajectories holds: how many, how long, labelled how, wrong where."""

import collections
import statistics
from collections.abc import Sequence

from prm_jax.data.overlap import normalize
from prm_jax.formats.convert import first_error
from prm_jax.records import Trajectory


def describe(trajectories: Sequence[Trajectory]) -> dict:
    """Counts of one source.

    Args:
        trajectories: at least one.

    Returns:
        JSON-able dict:
            trajectories, problems (different ones, as `overlap.normalize` writes them), duplicates
                (trajectories whose problem and steps an earlier one has);
            steps: their number, and `per_solution`: least, median, mean and most;
            labels: number of steps that are `right` (1), `wrong` (0), `soft` (between) and
                `unlabelled`, with those that `first_error` implies;
            outcomes: number of solutions whose answer is `right`, `wrong`, `soft` or `unknown`;
            first_error: of how many solutions it is `known` whether and where they err (a soft
                label below 0.5 is an error), how many are `wrong`, their `share`, and the number of
                them by `position` (step, from 0; a text) and by the `quarter` of the solution that
                it falls into.
    """
    lengths = [len(trajectory.steps) for trajectory in trajectories]
    labels = collections.Counter(
        _kind(label, "unlabelled") for t in trajectories for label in t.step_labels()
    )
    outcomes = collections.Counter(_kind(t.outcome, "unknown") for t in trajectories)
    texts = [normalize(trajectory.problem) for trajectory in trajectories]
    attempts = {(text, t.steps) for text, t in zip(texts, trajectories)}
    return {
        "trajectories": len(trajectories),
        "problems": len(set(texts)),
        "duplicates": len(trajectories) - len(attempts),
        "steps": {
            "total": sum(lengths),
            "per_solution": {
                "least": min(lengths),
                "median": statistics.median(lengths),
                "mean": statistics.fmean(lengths),
                "most": max(lengths),
            },
        },
        "labels": {kind: labels[kind] for kind in ("right", "wrong", "soft", "unlabelled")},
        "outcomes": {kind: outcomes[kind] for kind in ("right", "wrong", "soft", "unknown")},
        "first_error": _first_errors(trajectories),
    }


def describe_by_source(trajectories: Sequence[Trajectory]) -> dict[str, dict]:
    """`describe` of each source, by name; trajectories that name none count under '-'."""
    groups: dict[str, list[Trajectory]] = {}
    for trajectory in trajectories:
        groups.setdefault(trajectory.source or "-", []).append(trajectory)
    return {name: describe(group) for name, group in sorted(groups.items())}


def _kind(label, missing):
    if label is None:
        return missing
    return {1: "right", 0: "wrong"}.get(label, "soft")


def _first_errors(trajectories):
    found = [(first_error(trajectory), len(trajectory.steps)) for trajectory in trajectories]
    known = [error for error, _ in found if error is not None]
    wrong = [(error, n) for error, n in found if error not in (None, -1)]
    positions = collections.Counter(error for error, _ in wrong)
    quarters = collections.Counter(4 * error // n for error, n in wrong)
    return {
        "known": len(known),
        "wrong": len(wrong),
        "share": len(wrong) / len(known) if known else None,
        "position": {str(position): positions[position] for position in sorted(positions)},
        "quarter": [quarters[quarter] for quarter in range(4)],
    }
