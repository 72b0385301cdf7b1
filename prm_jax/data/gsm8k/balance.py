"""Weights of wrong ways to write steps, such that wrong steps look like right ones.

An error changes how a step looks: its result may end in fewer zeros, or a minus stand where a plus
was. Over a whole file the shares are made equal: for every look, as many wrong steps get it as
right steps have it. The weights that do this and stay closest to given ones, in relative entropy,
are found by iterative proportional fitting (Deming and Stephan 1940).
"""

import re

import numpy as np

SWEEPS = 60
MOST = 1e3


def look_of(pieces, result: str):
    """What can be seen of a computation without understanding it: a hashable."""
    digits = re.sub(r"[,.]", "", result)
    whole = digits.rstrip("0")
    last = 0 if whole.endswith("5") else 1 + int(whole[-1]) % 2
    numbers = pieces[1::2]
    return (
        tuple(sorted(re.sub(r"[\s$()]", "", "".join(pieces[::2])))),
        sum(map(len, numbers)),
        sum(number.endswith("0") for number in numbers),
        sum(int(number[-1]) % 2 for number in numbers),
        len(digits),
        min(len(digits) - len(whole), 2),
        last,
        len(result.partition(".")[2]),
        digits[0] < "4",
    )


def balanced(looks, candidate_looks, weights):
    """Chances of each candidate error of each step.

    Args:
        looks: the look of each right step.
        candidate_looks: per step a list with the look of each error that it can get.
        weights: per step a list with the weight of each.

    Returns:
        List of float64 arrays, per step the chances of its candidates; each sums to 1.
    """
    numbers = {look: i for i, look in enumerate(dict.fromkeys(looks))}
    n = len(numbers)
    wanted = np.bincount([numbers[look] for look in looks], minlength=n).astype(np.float64)
    # A look that no right step has is never wanted: the last, weak column.
    column = np.array([numbers.get(look, n) for some in candidate_looks for look in some])
    row = np.repeat(np.arange(len(looks)), [len(some) for some in candidate_looks])
    base = np.array([weight for some in weights for weight in some], np.float64)
    factor = np.append(np.ones(n), 1 / MOST)
    for _ in range(SWEEPS):
        chance = base * factor[column]
        chance /= np.bincount(row, chance, minlength=len(looks))[row]
        given = np.bincount(column, chance, minlength=n + 1)[:n]
        factor[:n] *= np.where(given > 0, wanted / np.maximum(given, 1e-12), 1.0)
        factor[:n] = np.clip(factor[:n], 1 / MOST, MOST)
    ends = np.cumsum([len(some) for some in candidate_looks])
    return np.split(chance, ends[:-1])
