"""Which process is killed, in which phase of its work, and how far into it."""

import dataclasses
import random

# Shares of the kills of each kind of work. The last phase of each comes only when the rest is done.
PHASES = {
    "train": {"start": 0.15, "training": 0.45, "checkpointing": 0.3, "exporting": 0.1},
    "score": {"start": 0.25, "scoring": 0.65, "finishing": 0.1},
    "calibrate": {"start": 0.15, "calibrating": 0.7, "finishing": 0.15},
    "evaluate": {"start": 0.15, "evaluating": 0.7, "finishing": 0.15},
    "convert": {"start": 0.15, "converting": 0.7, "finishing": 0.15},
    "study": {"start": 0.1, "studying": 0.8, "finishing": 0.1},
}
SHARES = {
    "train": 0.3,
    "score": 0.2,
    "calibrate": 0.15,
    "evaluate": 0.1,
    "convert": 0.1,
    "study": 0.15,
}
"""Of all kills."""


@dataclasses.dataclass(frozen=True)
class Kill:
    """A SIGKILL to come.

    Fields:
        number: from 0, over the whole soak.
        work: a name in PHASES.
        phase: the work's phase to wait for.
        fraction: how far into the phase's window, from 0 to 1.
    """

    number: int
    work: str
    phase: str
    fraction: float


def plan(kills: int, seed: int) -> list[Kill]:
    """The kills of a soak: all trainings first, since their model is what scores, then scorings.

    Args:
        kills: their number.
        seed: of their order and moments; the same plan comes of the same seed.

    Returns:
        List of `Kill`, in order.
    """
    rng = random.Random(seed)
    phases = []
    for work, number in _apportioned(kills, SHARES).items():
        counts = _apportioned(number, PHASES[work])
        *early, last = PHASES[work]
        drawn = [phase for phase in early for _ in range(counts[phase])]
        rng.shuffle(drawn)
        phases += [(work, phase) for phase in [*drawn, *[last] * counts[last]]]
    return [Kill(i, work, phase, rng.random()) for i, (work, phase) in enumerate(phases)]


def _apportioned(number, shares):
    """Whole numbers in proportion to `shares`, by largest remainder."""
    exact = {name: number * share for name, share in shares.items()}
    counts = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: counts[name] - exact[name])
    for name in by_remainder[: number - sum(counts.values())]:
        counts[name] += 1
    return counts
