"""A report on any file of scored solutions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeGuard

from prm_jax.errors import InputError
from prm_jax.records import Trajectory, read_jsonl
from prm_jax.report.contents import LabelledScores
from prm_jax.report.page import write_report
from prm_jax.report.steps import (
    ScoredSolution,
    choose_solutions,
    count_outcomes,
    scored_solution,
)


def report_from_scores(
    path: str | Path,
    trajectories: Sequence[Trajectory],
    scores: Sequence[Sequence[float | None]],
    *,
    title: str = "Scored solutions",
    threshold: float = 0.5,
    n_solutions: int = 12,
    seed: int = 0,
    details: Mapping[str, Mapping | str] | None = None,
) -> Path:
    """Writes a page that shows what a model said of the steps of some solutions.

    Where truth is known, the page also counts hits and misses and draws the score distributions.

    Args:
        path: the HTML file to write.
        trajectories: the solutions, with or without labels.
        scores: for each solution a probability in [0, 1] or None a step, in the same order.
        title: heading of the page.
        threshold: a step scored strictly below it is predicted to be wrong.
        n_solutions: how many solutions to show.
        seed: seed of their choice.
        details: heading -> facts, or heading -> a longer text.

    Returns:
        The path written.

    Raises:
        InputError: the scores do not fit the solutions, or the page would be too large.
    """
    if len(trajectories) != len(scores):
        raise InputError(
            f"{len(trajectories)} solutions, but scores of {len(scores)}",
            remedy="give the file that the scores were made from",
        )
    solutions = [scored_solution(t, s, threshold) for t, s in zip(trajectories, scores)]
    outcomes = count_outcomes(solutions)
    shown = choose_solutions(solutions, n_solutions, seed)
    return write_report(
        path,
        title=title,
        summary=_summary(solutions, threshold),
        steps=labelled_scores(solutions),
        solutions=shown,
        solutions_note=f"{len(shown)} of {len(solutions):,}, taken in turn from every outcome and "
        f"source and otherwise by chance (seed {seed}).",
        outcomes=outcomes if set(outcomes) != {"unknown"} else None,
        threshold=threshold,
        details=details,
    )


def labelled_scores(solutions: Sequence[ScoredSolution]) -> LabelledScores | None:
    """Collects the scored steps that are known to be right or wrong; None where there are none.

    Steps with a soft label are left out.
    """
    pairs = [
        (score, label)
        for solution in solutions
        for score, label in zip(solution.scores, solution.labels, strict=True)
        if score is not None and label in (0, 1)
    ]
    return LabelledScores(*zip(*pairs, strict=True)) if pairs else None


def read_scores(path: str | Path, trajectories: Sequence[Trajectory]) -> list[list[float | None]]:
    """Reads the step scores that `experiments.score` wrote for some solutions.

    Args:
        path: JSON lines with `id` and `step_scores`, one line a solution, in the same order.
        trajectories: the solutions, in the order of the scored file.

    Returns:
        For each solution its step scores, None where a step was not scored.

    Raises:
        InputError: a line is missing, too many, of another solution, or holds no valid scores.
    """
    rows = list(read_jsonl(path))
    if len(rows) != len(trajectories):
        raise InputError(
            f"{len(rows)} lines for {len(trajectories)} solutions",
            file=path,
            remedy="give the file that the scores were made from",
        )
    scores = []
    for (where, row), trajectory in zip(rows, trajectories, strict=True):
        if trajectory.id is not None and row.get("id") != trajectory.id:
            raise where.error(
                f"is {row.get('id')!r}, but the solution in this place is {trajectory.id!r}",
                field="id",
                remedy="keep both files in the same order",
            )
        values = row.get("step_scores")
        if not _are_scores(values, len(trajectory.steps)):
            raise where.error(
                f"is not a list of {len(trajectory.steps)} numbers in [0, 1] or nulls",
                field="step_scores",
                remedy="score the file again with experiments.score",
            )
        scores.append(values)
    return scores


def _are_scores(values, n_steps) -> TypeGuard[list[float | None]]:
    # A NaN fails the comparison, and a bool is an int.
    return (
        isinstance(values, list)
        and len(values) == n_steps
        and all(v is None or (type(v) in (int, float) and 0 <= v <= 1) for v in values)
    )


def _summary(solutions, threshold):
    n_steps = sum(len(solution.steps) for solution in solutions)
    n_unscored = sum(score is None for solution in solutions for score in solution.scores)
    n_blamed = sum(solution.predicted >= 0 for solution in solutions)
    sentences = [
        f"{len(solutions):,} solutions with {n_steps:,} steps were scored; {n_blamed:,} solutions "
        f"have a step below the threshold of {threshold:g}."
    ]
    if n_unscored:
        sentences.append(f"Steps without a score, since they did not fit: {n_unscored:,}.")
    return sentences
