"""Ways in turn, so that what slows the machine slows all of them."""

import statistics
from collections.abc import Callable, Mapping
from typing import Any

from prm_jax.progress import Progress


def in_turn(
    ways: Mapping[Any, Callable[[], float]], rounds: int, progress: Progress | None = None
) -> dict[Any, list[float]]:
    """Runs all ways in turn, a number of times; each should have run once, which compiles.

    Args:
        ways: by name, what does the work once and returns its seconds.
        rounds: times each way runs.
        progress: shows the rounds.

    Returns:
        The seconds of each way, by its name.
    """
    seconds: dict[Any, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        if progress:
            progress.update(number, rounds)
        for name, once in ways.items():
            seconds[name].append(once())
    if progress:
        progress.update(rounds, rounds)
    return seconds


def first_of_each(ways: Mapping[Any, Callable[[], float]]) -> dict[Any, float]:
    """Runs each way once and returns its seconds, those of compiling included."""
    return {name: once() for name, once in ways.items()}


def median_ratio(numerators, denominators) -> float:
    """The median of the ratios of each pair, to three places."""
    return round(statistics.median(a / b for a, b in zip(numerators, denominators, strict=True)), 3)
