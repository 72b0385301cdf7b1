"""A report on any file of scored solutions."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from prm_jax.errors import InputError
from prm_jax.evaluate import processbench, steps
from prm_jax.records import Trajectory
from prm_jax.report.contents import Estimate, LabelledScores, Metric, ResultRow, ResultTable
from prm_jax.report.page import write_report
from prm_jax.report.steps import (
    ScoredSolution,
    choose_solutions,
    count_outcomes,
    scored_solution,
)

FIRST_ERROR = {
    "f1": Metric(
        "first-error F1",
        explanation="Harmonic mean of the two accuracies, averaged over subsets (ProcessBench).",
    ),
    "accuracy_error": Metric(
        "found",
        explanation="Share of the solutions with an error whose first wrong step is found exactly.",
    ),
    "accuracy_correct": Metric(
        "passed", explanation="Share of the solutions without an error in which no step is blamed."
    ),
}
STEPS = {
    "auroc": Metric(
        "step AUROC",
        percent=False,
        explanation="Probability that a right step scores above a wrong one; 0.5 is chance.",
    ),
    "brier": Metric(
        "Brier score",
        percent=False,
        higher_is_better=False,
        explanation="Mean squared distance between score and label.",
    ),
}


def report_from_scores(
    path: str | Path,
    trajectories: Sequence[Trajectory],
    scores: Sequence[Sequence[float | None]],
    *,
    title: str = "Scored solutions",
    threshold: float = 0.5,
    threshold_source: str = "",
    n_solutions: int = 12,
    seed: int = 0,
    details: Mapping[str, Mapping | str] | None = None,
) -> Path:
    """Writes a page that shows what a model said of the steps of some solutions.

    Where truth is known, the page also measures the scores against it, counts hits and misses and
    draws the score distributions.

    Args:
        path: the HTML file to write.
        trajectories: the solutions, with or without labels.
        scores: for each solution a probability in [0, 1] or None a step, in the same order.
        title: heading of the page.
        threshold: a step scored strictly below it is predicted to be wrong.
        threshold_source: where it comes from, in words.
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
        summary=_summary(solutions, threshold, threshold_source),
        tables=_measured(trajectories, scores, solutions, threshold),
        steps=labelled_scores(solutions),
        solutions=shown,
        solutions_note=f"{len(shown)} of {len(solutions):,}, taken in turn from every outcome and "
        f"source and otherwise by chance (seed {seed}).",
        outcomes=outcomes if set(outcomes) != {"unknown"} else None,
        threshold=threshold,
        details=details,
    )


def _measured(trajectories, scores, solutions, threshold):
    """One table of what can be measured: first errors of the solutions whose first error is known,
    and steps if some with a score are known to be right and some to be wrong.
    """
    figures: dict[Metric, Estimate] = {}
    known = [i for i, solution in enumerate(solutions) if solution.first_error is not None]
    if known:
        chosen = [trajectories[i] for i in known], [scores[i] for i in known]
        found = processbench(*chosen, threshold=threshold)["metrics"]
        figures |= {metric: estimate_of(found[name]) for name, metric in FIRST_ERROR.items()}
    labelled = labelled_scores(solutions)
    if labelled is not None and len(set(labelled.labels)) == 2:
        found = steps(trajectories, scores, threshold=threshold)["metrics"]
        figures |= {metric: estimate_of(found[name]) for name, metric in STEPS.items()}
    figures = {metric: e for metric, e in figures.items() if not math.isnan(e.value)}
    if not figures:
        return ()
    row = ResultRow("this file", {m.name: e for m, e in figures.items()}, "model")
    note = f"First errors of {len(known):,} solutions; intervals by bootstrap over problems."
    return (ResultTable("Against the labels", tuple(figures), (row,), note, row_heading="scores"),)


def estimate_of(figures: Mapping[str, float | None]) -> Estimate:
    """The `value`, `low` and `high` of an evaluation's result; NaN where the value is None."""
    value = figures["value"]
    return Estimate(math.nan if value is None else value, figures["low"], figures["high"])


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


def _summary(solutions, threshold, source):
    n_steps = sum(len(solution.steps) for solution in solutions)
    n_unscored = sum(score is None for solution in solutions for score in solution.scores)
    n_blamed = sum(solution.predicted >= 0 for solution in solutions)
    sentences = [
        f"{len(solutions):,} solutions with {n_steps:,} steps were scored; {n_blamed:,} solutions "
        f"have a step below the threshold of {threshold:.4g}{f' ({source})' if source else ''}."
    ]
    if n_unscored:
        sentences.append(f"Steps without a score, since they did not fit: {n_unscored:,}.")
    return sentences
