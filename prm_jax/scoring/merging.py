"""Merging several scores of the same steps into one, as ensembles and two-stream models do.

    logit           z = mean of the log-odds
    probability     p = mean of the probabilities

Scores are matched by the index of trajectory and step, never by value or text, so that equal steps
stay apart. A step counts only if all members scored it: a mean over fewer of them would not be
comparable with the others.
"""

from collections.abc import Callable, Sequence

import numpy as np

from prm_jax.errors import InputError
from prm_jax.scoring.discriminative import StepScores

MERGES = ("logit", "probability")


def check_merge(merge: str) -> None:
    """Raises `InputError` for a name that is not in MERGES."""
    if merge not in MERGES:
        raise InputError(f"unknown merge {merge!r}", field="merge", remedy=f"one of {MERGES}")


def merge_scores(members: Sequence[StepScores], merge: str = "logit") -> StepScores:
    """The mean of several scores of one trajectory.

    Args:
        members: at least one, all of the same number of steps.
        merge: a name in MERGES.

    Returns:
        `StepScores`; None where a member has none, truncated if a member is.

    Raises:
        InputError: the merge is unknown, or some members score steps and others solutions.
        ValueError: the numbers of steps differ.
    """
    check_merge(merge)
    if len({member.of_solution for member in members}) > 1:
        raise InputError(
            "members that score steps and members that score solutions",
            field="scorer",
            remedy="name models of one kind",
        )
    steps = zip(*(member.step_logits for member in members), strict=True)
    mean = _mean_logit if merge == "logit" else _logit_of_mean_probability
    logits = [None if None in step else mean(np.array(step, np.float64)) for step in steps]
    truncated = any(member.truncated for member in members)
    return StepScores.from_logits(logits, truncated, members[0].of_solution)


def share_progress(progress: Callable[[int], None] | None, inputs: int, trajectories: int):
    """A progress function for a scorer that is given several inputs for a trajectory.

    Args:
        progress: what counts trajectories; None stays None.
        inputs: how many the scorer gets.
        trajectories: how many they are made from.

    Returns:
        A function of finished inputs that calls `progress` with the share of trajectories, all of
        them once all inputs are finished.
    """
    if progress is None:
        return None
    finished = reported = 0

    def report(n):
        nonlocal finished, reported
        finished += n
        if new := finished * trajectories // inputs - reported:
            reported += new
            progress(new)

    return report


def _mean_logit(logits_M):
    return float(np.mean(logits_M))


def _logit_of_mean_probability(logits_M):
    # log sum p - log sum (1 - p), from the log-odds: neither sum is lost near 0 and 1.
    right, wrong = -np.logaddexp(0, -logits_M), -np.logaddexp(0, logits_M)
    return float(np.logaddexp.reduce(right) - np.logaddexp.reduce(wrong))
