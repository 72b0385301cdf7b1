"""Percentile bootstrap over problems.

Steps of one solution, and solutions of one problem, stand or fall together, so problems are drawn
with replacement, never steps (Efron and Tibshirani 1993, chapter 13: percentile interval).
"""

from collections.abc import Callable, Hashable, Iterator, Sequence

import numpy as np

N_BOOT = 2000
CONFIDENCE = 0.95
CHUNK_NUMBERS = 1 << 21
"""Weights held at a time, so that memory does not grow with the number of problems."""


def problem_numbers(trajectories) -> np.ndarray:
    """The problem of each trajectory, by its text: i64[N], counted from 0 by first appearance."""
    return number([trajectory.problem.strip() for trajectory in trajectories])


def number(keys: Sequence[Hashable]) -> np.ndarray:
    """Numbers keys by first appearance: i64[N]."""
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(key, len(seen)) for key in keys], np.int64)


def resampled_weights(n_problems: int, n_boot: int, seed: int) -> Iterator[np.ndarray]:
    """How often each problem was drawn, in parts: i64[b, P], b adding up to `n_boot`."""
    rng = np.random.default_rng(seed)
    rows = max(1, CHUNK_NUMBERS // max(n_problems, 1))
    for first in range(0, n_boot, rows):
        size = (min(rows, n_boot - first), n_problems)
        draws = rng.integers(n_problems, size=size) + n_problems * np.arange(size[0])[:, None]
        yield np.bincount(draws.ravel(), minlength=size[0] * n_problems).reshape(size)


def bootstrap(
    statistic: Callable[[np.ndarray], np.ndarray],
    n_problems: int,
    n_boot: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Values of a statistic in resampled sets of problems.

    Args:
        statistic: weights f[b, P] of the problems -> values f[b] or f[b, M].
        n_problems: P.
        n_boot: number of resamples.
        seed: of the draws; the same seed draws the same problems, so that statistics of one set can
            be compared pair by pair.
        progress: called with (resamples done, all).

    Returns:
        f64[n_boot] or f64[n_boot, M]. NaN for a single problem, which is drawn every time: that its
        values are all the same says nothing of how sure they are.
    """
    if n_problems == 1:
        one = np.asarray(statistic(np.ones((1, 1), np.int64)), np.float64)
        return np.full((n_boot, *one.shape[1:]), np.nan)
    found, done = [], 0
    for weights in resampled_weights(n_problems, n_boot, seed):
        found.append(statistic(weights))
        done += len(weights)
        if progress:
            progress(done, n_boot)
    return np.concatenate(found)


def estimate(value: float, samples: np.ndarray) -> dict[str, float | None]:
    """A figure with its percentile interval.

    Args:
        value: the figure in the whole set; NaN where it is not defined.
        samples: f[n_boot] its values in the resamples; NaN where it is not defined is left out.

    Returns:
        `{'value', 'low', 'high'}`; None for what is not defined.
    """
    samples = samples[~np.isnan(samples)]
    if np.isnan(value) or not len(samples):
        return {"value": None if np.isnan(value) else float(value), "low": None, "high": None}
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(samples, [tail, 100 - tail])
    return {"value": float(value), "low": float(low), "high": float(high)}


def without_interval(n_problems: int, of: str = "") -> list[str]:
    """What to say where there is no interval: a sentence for a single problem, else none.

    Args:
        n_problems: number of problems.
        of: what they are of, such as a subset.
    """
    which = f"{of} has" if of else "there is"
    return [f"{which} one problem, which gives no interval"] if n_problems == 1 else []


def description(n_boot: int, seed: int) -> dict:
    """How the intervals of a result were made, for its record."""
    return {
        "unit": "problem",
        "method": "percentile",
        "confidence": CONFIDENCE,
        "n_boot": n_boot,
        "seed": seed,
    }
