"""Halves of grouped rows, and rows in equal numbers of every class."""

import numpy as np


def halves(groups_N, rng) -> tuple[np.ndarray, np.ndarray]:
    """Splits rows in two, groups whole, as evenly as groups in a random order allow.

    Args:
        groups_N: any[N], the group of each row; at least two.
        rng: numpy Generator.

    Returns:
        Row numbers of both halves, ascending; neither is empty.
    """
    _, group_N, size_G = np.unique(groups_N, return_inverse=True, return_counts=True)
    order = rng.permutation(len(size_G))
    before = np.cumsum(size_G[order]) - size_G[order]
    # A group belongs to the half that its middle falls in.
    second = before + size_G[order] / 2 > len(group_N) / 2
    if second.all():
        second[0] = False
    elif not second.any():
        second[-1] = True
    in_second_N = np.zeros(len(size_G), bool)
    in_second_N[order] = second
    return np.flatnonzero(~in_second_N[group_N]), np.flatnonzero(in_second_N[group_N])


def balanced(rows, labels_N, rng) -> np.ndarray:
    """As many rows of each class as the rarest has, drawn at random.

    Args:
        rows: int[n] row numbers. labels_N: int[N] class of each row.
        rng: numpy Generator.

    Returns:
        Row numbers, ascending.
    """
    classes, counts = np.unique(labels_N[rows], return_counts=True)
    chosen = [rng.choice(rows[labels_N[rows] == c], counts.min(), replace=False) for c in classes]
    return np.sort(np.concatenate(chosen))
