"""Which split a problem belongs to: decided by a hash of it, so that splits are disjoint."""

import hashlib

from prm_jax.errors import InputError

# Shares of the hash range, in order.
SPLITS = {"train": 0.8, "validation": 0.1, "test": 0.1}


def split_of(key: str) -> str:
    """The split of a problem.

    Args:
        key: the problem's phrasing-free description, `meta['key']` of its trajectories.

    Returns:
        'train', 'validation' or 'test', in shares of 80, 10 and 10 per cent.
    """
    digest = hashlib.sha256(" ".join(key.split()).encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    for name, share in SPLITS.items():
        if place < share:
            return name
        place -= share
    return name


def check_split(split):
    """Raises InputError unless `split` is None or the name of a split."""
    if split is not None and split not in SPLITS:
        raise InputError(
            f"{split!r} is not a split", field="split", remedy=f"choose from {', '.join(SPLITS)}"
        )
