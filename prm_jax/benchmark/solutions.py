"""Solutions as long as those of ProcessBench's olympiads, of random digits.

Lengths are log-normal, cut to 150 to 1,800 tokens; the median is such that their mean is the 737
tokens measured of ProcessBench's olympiad solutions with SmolLM2's tokenizer. What is in them makes
no difference to the time.
"""

from statistics import NormalDist

import numpy as np

from prm_jax.records import Trajectory

MEAN, SHORTEST, LONGEST = 737, 150, 1800
SPREAD = 0.5
"""Standard deviation of the logarithm of a length."""
STEP = 60
"""Tokens of a step."""
PROMPT = 60
"""Tokens of a problem; it is part of a solution's length."""
DIGITS = np.array(list("0123456789"))
"""Each is a token of its own, of SmolLM2 as of a tokenizer of bytes."""


def lengths(n: int, seed: int, scale: float = 1.0) -> list[int]:
    """Numbers of tokens, their mean within a token or two of `MEAN * scale`.

    Args:
        n: how many.
        seed: of their order; the lengths themselves are evenly spaced quantiles.
        scale: a factor on all of them.
    """
    at = (np.arange(n) + 0.5) / n
    normal = np.array([NormalDist().inv_cdf(q) for q in at])

    def of_median(median):
        return np.clip(median * np.exp(SPREAD * normal), SHORTEST, LONGEST)

    low, high = float(SHORTEST), float(LONGEST)
    while high - low > 1e-6:  # the mean grows with the median
        middle = (low + high) / 2
        low, high = (middle, high) if of_median(middle).mean() < MEAN else (low, middle)
    found = np.random.default_rng(seed).permutation(of_median(low))
    return [max(2, round(scale * length)) for length in found]


def solutions(
    n_tokens: list[int], seed: int, *, prompt: int = PROMPT, step: float = STEP
) -> list[Trajectory]:
    """Trajectories of random digits, with random labels.

    Args:
        n_tokens: tokens of each, problem included.
        seed: of digits and labels.
        prompt, step: tokens of the problem and of a step, its mark included.

    Returns:
        Solutions of as many steps as fit best, one of them at least.
    """
    rng = np.random.default_rng(seed)

    def text(n):
        return "".join(rng.choice(DIGITS, max(1, n - 1)))

    found = []
    for number, length in enumerate(n_tokens):
        n_steps = max(1, round((length - prompt) / step))
        sizes = np.diff(np.linspace(0, max(n_steps, length - prompt), n_steps + 1).astype(int))
        found.append(
            Trajectory(
                problem=text(prompt),
                steps=tuple(map(text, sizes)),
                labels=tuple(map(float, rng.integers(0, 2, n_steps))),
                id=str(number),
            )
        )
    return found
