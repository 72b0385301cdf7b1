"""Where the first error falls, so that position and length do not tell right from wrong."""

import functools
from collections.abc import Mapping

import numpy as np

from prm_jax.errors import InputError

# Iterative proportional fitting converges geometrically; its residual here is below 1e-9.
SWEEPS = 300


def first_error_probabilities(length_probabilities: Mapping[int, float], error_rate: float):
    """Distribution of the first error's position for each solution length.

    Steps after the first error carry no label, so an error placed uniformly would make late
    labelled steps wrong far more often than early ones. Here two things hold exactly instead:
    solutions of every length contain an error with probability `error_rate`, and, pooled over
    lengths, a labelled step is wrong with the same probability at every position (a constant
    hazard). Of all such distributions this is the one closest, in relative entropy, to a hazard
    constant within each length; it is found by iterative proportional fitting (Deming and Stephan
    1940). What remains: a labelled step of a short solution is wrong more often than one of a long
    solution.

    Args:
        length_probabilities: number of steps -> probability.
        error_rate: probability that a solution contains a wrong step, in [0, 1).

    Returns:
        Dict of number of steps n -> float64 [n], the probability of the first error at each
        position given n; each sums to `error_rate`.

    Raises:
        InputError: `error_rate` is not in [0, 1).
    """
    if not 0 <= error_rate < 1:
        raise InputError(
            f"{error_rate} is not in [0, 1)", field="error_rate", remedy="use a share below 1"
        )
    return _fit(tuple(sorted(length_probabilities.items())), float(error_rate))


@functools.cache
def _fit(lengths, error_rate):
    sizes = [n for n, _ in lengths]
    if error_rate == 0:
        return {n: np.zeros(n) for n in sizes}
    mass_n = np.array([p for _, p in lengths])
    hazard = 1 - (1 - error_rate) ** (1 / np.array(sizes))
    position_t = np.arange(max(sizes))
    joint_nt = hazard[:, None] * (1 - hazard[:, None]) ** position_t * mass_n[:, None]
    joint_nt *= position_t < np.array(sizes)[:, None]
    wrong_t = _constant_hazard(dict(lengths), error_rate)
    for _ in range(SWEEPS):
        joint_nt *= (wrong_t / joint_nt.sum(0))[None]
        joint_nt *= (mass_n * error_rate / joint_nt.sum(1))[:, None]
    return {n: joint_nt[i, :n] / mass_n[i] for i, n in enumerate(sizes)}


def _constant_hazard(lengths, error_rate):
    """Share of solutions with the first error at each position: one hazard, `error_rate` in all."""
    low, high = 0.0, 1.0
    for _ in range(60):
        hazard = (low + high) / 2
        labelled, wrong = 1.0, []
        for position in range(max(lengths)):
            labelled -= lengths.get(position, 0.0) * (1 - error_rate)
            wrong.append(hazard * labelled)
            labelled -= wrong[-1]
        low, high = (hazard, high) if sum(wrong) < error_rate else (low, hazard)
    return np.array(wrong)
