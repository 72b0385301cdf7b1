"""Keeping the precision of the arrays that are given."""

import contextlib
import functools

import jax
import numpy as np


def in_given_precision(function):
    """Runs a function of arrays in float64 if one of them is, else in float32, as numpy arrays.

    JAX reads float64 as float32 unless told otherwise. Order and ties of distances are those of the
    numbers given only in their own precision.
    """

    @functools.wraps(function)
    def run(*arguments, **options):
        given = jax.tree.leaves((arguments, options))
        wide = any(getattr(x, "dtype", None) == np.float64 for x in given)
        context = jax.enable_x64(True) if wide else contextlib.nullcontext()
        with context:
            return jax.tree.map(np.asarray, function(*arguments, **options))

    return run
