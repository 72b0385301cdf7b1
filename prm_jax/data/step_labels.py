"""Step labels from shares of right completions: repaired, denoised and balanced.

They are trained on with `bce`; what a label says of a step stays in the trajectory, so every
objective that takes hard or soft labels takes these.
"""

import dataclasses
import random
from collections.abc import Sequence

from prm_jax.errors import InputError
from prm_jax.records import Trajectory

Labels = tuple[float | None, ...]


def sorm_labels(labels: Sequence[float | None]) -> Labels:
    """Repairs labels so that they never rise (GLoRe's SORM, arXiv:2402.10963).

    Where a prefix can be completed to a right answer, so can every shorter one: each label becomes
    the largest from there on. The paper also asks that a verifying completion uses the prefix; that
    needs the completions and is not done here.

    Args:
        labels: whether, or the share in which, a completion from each step ended right; None where
            unknown, which it stays.

    Returns:
        The labels, as many.
    """
    repaired: list[float | None] = []
    best = 0.0
    for label in reversed(labels):
        best = best if label is None else max(best, label)
        repaired.append(None if label is None else best)
    return tuple(reversed(repaired))


def noise_tolerant_labels(
    shares: Sequence[float], self_confidence: float, distance: int = 2
) -> Labels | None:
    """Labels of a solution with a wrong answer (SCAN, arXiv:2509.16548).

    The error is the first step from which no completion ends right. A completer fails on its own
    too, so the shares just before it are divided by how often it is right on this problem; further
    back a step counts as right.

    Args:
        shares: of the completions from each step those that ended right, in [0, 1].
        self_confidence: share of the completer's own solutions of the problem that are right; the
            paper keeps problems from 0.75 on.
        distance: number of steps before the error with a soft label; the released code has 2.

    Returns:
        1 up to there, `min(1, share / self_confidence)`, 0 at the error and None after it; or None
        if no share is 0, when the solution is left out.

    Raises:
        InputError: if the confidence is not in (0, 1] or the distance is negative.
    """
    if not 0 < self_confidence <= 1:
        raise InputError(f"{self_confidence} is not in (0, 1]", field="self_confidence")
    if distance < 0:
        raise InputError(f"{distance} is negative", field="distance")
    error = next((i for i, share in enumerate(shares) if share == 0), None)
    if error is None:
        return None
    soft = max(error - distance, 0)
    before = [min(1.0, share / self_confidence) for share in shares[soft:error]]
    return (1.0,) * soft + (*before, 0.0) + (None,) * (len(shares) - error - 1)


def balance_steps(trajectories: Sequence[Trajectory], seed: int = 0) -> list[Trajectory]:
    """Drops labels at random until right and wrong ones are equally many at each step number.

    Without it a model learns that late steps are wrong (GLoRe).

    Args:
        trajectories: with labels; right is from 0.5 on.
        seed: of the choice.

    Returns:
        The trajectories, dropped labels None.
    """
    labels = [list(trajectory.step_labels()) for trajectory in trajectories]
    by_step: dict[int, tuple[list, list]] = {}
    for number, row in enumerate(labels):
        for step, label in enumerate(row):
            if label is not None:
                by_step.setdefault(step, ([], []))[label >= 0.5].append((number, step))
    rng = random.Random(seed)
    for step in sorted(by_step):
        for dropped, place in _surplus(*by_step[step], rng):
            labels[dropped][place] = None
    return [
        dataclasses.replace(trajectory, labels=tuple(row))
        for trajectory, row in zip(trajectories, labels, strict=True)
    ]


def balance_outcomes(trajectories: Sequence[Trajectory], seed: int = 0) -> list[Trajectory]:
    """Leaves trajectories out at random until right and wrong outcomes are equally many (SCAN).

    Args:
        trajectories: with outcomes; right is from 0.5 on.
        seed: of the choice.

    Returns:
        Those that stay, in their order.

    Raises:
        InputError: if one has no outcome.
    """
    by_outcome: tuple[list, list] = ([], [])
    for number, trajectory in enumerate(trajectories):
        if trajectory.outcome is None:
            raise InputError(f"trajectory {number} has no outcome", field="outcome")
        by_outcome[trajectory.outcome >= 0.5].append(number)
    dropped = set(_surplus(*by_outcome, random.Random(seed)))
    return [t for number, t in enumerate(trajectories) if number not in dropped]


def _surplus(one, other, rng):
    """A random choice of the larger list, to drop so that both are equally long."""
    longer = max(one, other, key=len)
    return rng.sample(longer, abs(len(one) - len(other)))
