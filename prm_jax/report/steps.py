"""Scored solutions: what the model said of each step and where the error is."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prm_jax.errors import InputError
from prm_jax.evaluate.processbench import first_below, known_first_error
from prm_jax.records import Trajectory

# Every outcome a solution can have, in the order of the page, with what it means.
OUTCOMES = {
    "found": "the first error is found",
    "missed": "an error, but no step scores below the threshold",
    "too early": "a right step before the first error is blamed",
    "too late": "the first error passes, a later step is blamed",
    "false alarm": "no error, but a step is blamed",
    "passed": "no error and none reported",
    "unknown": "no truth to compare with",
}


@dataclass(frozen=True)
class ScoredSolution:
    """One solution with the score of every step.

    Args:
        problem: text of the problem.
        steps: texts of the steps.
        scores: per step the probability that it is right, or None where it was not scored.
        labels: per step the truth in [0, 1] (1 right, 0 wrong), None where it is unknown.
        first_error: index of the first wrong step, -1 for none, None where it is unknown.
        predicted: index of the first step scored below the threshold, -1 for none.
        answer: final answer of the solution, if any.
        gold: the right answer, if known.
        family: kind of problem, or else the source it comes from, if known.
        id: name of the solution, if any.
        error_kind: what kind of error was put into it, if that is known.
    """

    problem: str
    steps: tuple[str, ...]
    scores: tuple[float | None, ...]
    labels: tuple[float | None, ...]
    first_error: int | None
    predicted: int
    answer: str | None = None
    gold: str | None = None
    family: str | None = None
    id: str | None = None
    error_kind: str | None = None

    def __post_init__(self):
        for field, values in (("scores", self.scores), ("labels", self.labels)):
            if len(values) != len(self.steps):
                name = self.id or self.problem[:40]
                raise InputError(
                    f"solution {name!r} has {len(self.steps)} steps, but {len(values)} values",
                    field=field,
                    remedy="give one value a step, null where there is none",
                )

    @property
    def outcome(self) -> str:
        """How prediction and truth compare: a key of `OUTCOMES`."""
        if self.first_error is None:
            return "unknown"
        if self.first_error == -1:
            return "passed" if self.predicted == -1 else "false alarm"
        if self.predicted == -1:
            return "missed"
        if self.predicted == self.first_error:
            return "found"
        return "too early" if self.predicted < self.first_error else "too late"


def scored_solution(
    trajectory: Trajectory, scores: Sequence[float | None], threshold: float = 0.5
) -> ScoredSolution:
    """Joins a trajectory with its step scores.

    Args:
        trajectory: the solution; its labels or first error, where it has them, are the truth.
        scores: per step a probability in [0, 1], or None.
        threshold: a step scored strictly below it is predicted to be wrong.

    Returns:
        The scored solution.

    Raises:
        InputError: there are not as many scores as steps.
    """
    scores = tuple(None if score is None or math.isnan(score) else float(score) for score in scores)
    labels = tuple(trajectory.step_labels())
    return ScoredSolution(
        problem=trajectory.problem,
        steps=tuple(trajectory.steps),
        scores=scores,
        labels=labels,
        first_error=true_first_error(trajectory),
        predicted=first_below(scores, threshold),
        answer=trajectory.answer,
        gold=trajectory.gold,
        family=trajectory.meta.get("family") or trajectory.source,
        id=trajectory.id,
        error_kind=trajectory.meta.get("error_kind"),
    )


def true_first_error(trajectory: Trajectory) -> int | None:
    """The first error as the evaluation counts it, or None where it is not known."""
    try:
        return known_first_error(trajectory)
    except InputError:
        return None


def count_outcomes(solutions: Sequence[ScoredSolution]) -> dict[str, int]:
    """Counts the solutions of each outcome that occurs, in the order of `OUTCOMES`."""
    counts = Counter(solution.outcome for solution in solutions)
    return {outcome: counts[outcome] for outcome in OUTCOMES if counts[outcome]}


def choose_solutions(
    solutions: Sequence[ScoredSolution], n: int = 12, seed: int = 0
) -> list[ScoredSolution]:
    """Picks solutions to show, in turn from every outcome and within it from every family.

    So hits and misses both appear, whatever their shares; `count_outcomes` gives the shares.

    Args:
        solutions: all scored solutions.
        n: how many to pick at most.
        seed: seed of the choice.

    Returns:
        The chosen ones, grouped in the order of `OUTCOMES`.
    """
    order = np.random.default_rng(seed).permutation(len(solutions))
    queues: dict[str, dict[str | None, list[ScoredSolution]]] = {}
    for index in order:
        solution = solutions[index]
        queues.setdefault(solution.outcome, {}).setdefault(solution.family, []).append(solution)
    turns = {
        outcome: _in_turn(queues[outcome].values()) for outcome in OUTCOMES if outcome in queues
    }
    chosen = _in_turn(turns.values())[:n]
    return sorted(chosen, key=lambda solution: list(OUTCOMES).index(solution.outcome))


def _in_turn(lists):
    """Takes the first of each list, then the second of each, and so on."""
    lists = [list(items) for items in lists]
    longest = max(map(len, lists), default=0)
    return [items[i] for i in range(longest) for items in lists if i < len(items)]
