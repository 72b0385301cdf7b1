"""Candidates of one problem scored by a tournament of two at a time.

A comparison is one more trajectory: the problem with both solutions under it, and one step that
says the first is better. Its score is the probability of that, so any scorer compares, and a model
learns to from such trajectories with a label (`pair_trajectory`). UNSURE: the texts are ours; a
model that was never trained on them has no reason to compare well.

Candidates compete if they have the same problem and group. They enter in the order of their texts,
and equal ones enter once, so the order they are given in changes nothing.
"""

import collections
from collections.abc import Sequence

from absl import logging

from prm_jax.records import Trajectory
from prm_jax.scoring.aggregation import logit
from prm_jax.scoring.discriminative import StepScores
from prm_jax.scoring.tournament import check_tournament, tournament

STATEMENT = "Solution 1 is better than Solution 2."


def pairwise(scorer, *, method: str = "all_pairs", passes: int = 1, statement: str = STATEMENT):
    """Scores a solution by its place among the candidates of its problem.

    Args:
        scorer: what scores the comparisons.
        method, passes: as in `tournament`.
        statement: the step that says the first solution is better.

    Returns:
        A scorer, to be called with all candidates of a problem at once. The points of a solution
        stand at its last step and all others have None; a solution without a rival has 0.5. A
        comparison that does not fit is a tie, and marks both solutions as truncated. The number
        of comparisons is logged.

    Raises:
        InputError: as `tournament`.
    """
    check_tournament(method, passes)

    def score(model, params, tokenizer, trajectories, *, progress=None, **options):
        sizes = collections.Counter(map(competes_in, trajectories))
        points: dict[tuple, tuple[float, bool]] = {}
        comparisons = ties = 0
        for key, members in _groups(trajectories).items():
            unfit: set[int] = set()

            def compare(pairs, members=members, unfit=unfit):
                texts = [pair_trajectory(members[i], members[j], statement) for i, j in pairs]
                found = scorer(model, params, tokenizer, texts, **options)
                tied = {frozenset(p) for p, f in zip(pairs, found, strict=True) if f.truncated}
                unfit.update(*tied)
                return [
                    0.5 if frozenset(pair) in tied else item.step_scores[-1]
                    for pair, item in zip(pairs, found, strict=True)
                ]

            result = tournament(len(members), compare, method, passes=passes)
            comparisons, ties = comparisons + result.comparisons, ties + result.ties
            for i, member in enumerate(members):
                points[(*key, member.steps)] = result.points[i], i in unfit
            if progress:
                progress(sizes[key])
        logging.info("%d comparisons, %d of them ties", comparisons, ties)
        return [_at_last_step(t, *points[(*competes_in(t), t.steps)]) for t in trajectories]

    return score


def pair_trajectory(
    first: Trajectory,
    second: Trajectory,
    statement: str = STATEMENT,
    label: float | None = None,
) -> Trajectory:
    """The comparison of two solutions of one problem, to be scored or to be learnt from.

    Args:
        first, second: the solutions; the problem is that of the first.
        statement: the step that says the first is better.
        label: 1 if it is, 0 if the second is, between for a tie; None to score it.
    """
    one, two = ("\n".join(solution.steps) for solution in (first, second))
    return Trajectory(
        problem=f"{first.problem}\n\nSolution 1:\n{one}\n\nSolution 2:\n{two}\n\n",
        steps=(statement,),
        labels=None if label is None else (label,),
    )


def competes_in(trajectory: Trajectory) -> tuple[str | None, str]:
    """What candidates that compete have in common."""
    return trajectory.group, trajectory.problem


def _groups(trajectories: Sequence[Trajectory]) -> dict[tuple, list[Trajectory]]:
    """Different solutions by what they compete in, each group in the order of its texts."""
    groups: dict[tuple, dict[tuple, Trajectory]] = {}
    for trajectory in trajectories:
        groups.setdefault(competes_in(trajectory), {})[trajectory.steps] = trajectory
    return {key: [group[steps] for steps in sorted(group)] for key, group in groups.items()}


def _at_last_step(trajectory, points, unfit):
    logits = (None,) * (len(trajectory.steps) - 1) + (float(logit(points)),)
    return StepScores.from_logits(logits, unfit)
