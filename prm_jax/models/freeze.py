"""Splitting a parameter tree into what is trained and what is not."""

import difflib
import re

from prm_jax.errors import InputError
from prm_jax.models.tree import from_paths, paths


def partition(params, patterns):
    """Splits parameters by path.

    Args:
        params: nested dict.
        patterns: regexes; a leaf whose path (such as 'layers_0/attn/q/kernel') matches one by
            `re.search` is frozen.

    Returns:
        `(trainable, frozen)`, nested dicts without the leaves of the other.

    Raises:
        InputError: for a pattern that matches no path, or that is no regex.
    """
    leaves, frozen = paths(params), set()
    for pattern in patterns:
        try:
            hits = {path for path in leaves if re.search(pattern, path)}
        except re.error as error:
            raise InputError(f"{pattern!r} is not a regex: {error}", field="freeze") from error
        if not hits:
            near = difflib.get_close_matches(pattern, leaves, n=3, cutoff=0.0)
            raise InputError(
                f"{pattern!r} matches no parameter", field="freeze", remedy=f"paths are like {near}"
            )
        frozen |= hits
    trainable = {path: leaf for path, leaf in leaves.items() if path not in frozen}
    return from_paths(trainable), from_paths({path: leaves[path] for path in frozen})


def combine(trainable, frozen):
    """The inverse of `partition`."""
    return from_paths({**paths(trainable), **paths(frozen)})
