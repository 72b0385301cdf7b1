"""How one stored tensor is laid out in our parameter tree, as a pattern such as `(n h) d -> d n h`.

The left side names the axes of the stored tensor, brackets marking axes that are fused there; the
right side is our order. A pattern has one reading in each direction, so the same line of a table
imports and exports.
"""

import functools
import math
import re

import numpy as np


@functools.cache
def parse(pattern):
    """The stored axes, each a tuple of fused names, and our axes, a tuple of names."""
    stored, ours = pattern.split("->")
    groups = tuple(
        tuple(fused.split()) if fused else (single,)
        for fused, single in re.findall(r"\(([^)]*)\)|(\S+)", stored)
    )
    return groups, tuple(ours.split())


def stored_shape(pattern, shape):
    """The stored tensor's shape for one of ours of shape `shape` (ints)."""
    groups, axes = parse(pattern)
    sizes = dict(zip(axes, shape, strict=True))
    return tuple(math.prod(sizes[axis] for axis in group) for group in groups)


def read(pattern, shape, index, fetch):
    """Reads a block of our array from the stored tensor, touching no more of it than needed.

    Args:
        pattern: the layout.
        shape: shape of the whole of our array.
        index: one slice of unit step for each of our axes.
        fetch: takes one slice for each stored axis and returns that block of the stored tensor as a
            numpy array.

    Returns:
        A numpy array (perhaps a view) of the block, in the stored dtype and in our axis order.
    """
    groups, axes = parse(pattern)
    sizes = dict(zip(axes, shape, strict=True))
    wanted = {
        axis: slice(*piece.indices(size)[:2])
        for axis, piece, size in zip(axes, index, shape, strict=True)
    }
    outer, split, inner = [], [], []
    for first, *fused in groups:
        # Rows of a fused axis are contiguous only along its first name; the rest is cut after the
        # read.
        stride = math.prod(sizes[axis] for axis in fused)
        outer.append(slice(wanted[first].start * stride, wanted[first].stop * stride))
        split += [wanted[first].stop - wanted[first].start, *(sizes[axis] for axis in fused)]
        inner += [slice(None), *(wanted[axis] for axis in fused)]
    names = [axis for group in groups for axis in group]
    block = fetch(tuple(outer)).reshape(split)[tuple(inner)]
    return block.transpose([names.index(axis) for axis in axes])


def write(pattern, array):
    """The inverse of `read` for a whole array: our `array` in the stored layout, contiguous."""
    groups, axes = parse(pattern)
    names = [axis for group in groups for axis in group]
    ordered = np.asarray(array).transpose([axes.index(axis) for axis in names])
    return np.ascontiguousarray(ordered.reshape(stored_shape(pattern, array.shape)))
