"""Matrix products of sorted rows, each group of rows with a matrix of its own: what experts need.

implementation  on             how
ragged          GPU, TPU       `jax.lax.ragged_dot`
blocks          CPU            a loop over blocks of rows, each of one group

On a CPU XLA turns a ragged product into one of every row with every matrix, and holds a copy of all
rows for each: with 128 experts 128 times what is needed. The loop runs over the
blocks there are; its trip count depends on the data, so derivatives are written here.
"""

import jax
import jax.numpy as jnp

from prm_jax.models.constraints import platform

IMPLEMENTATIONS = ("ragged", "blocks")
ROWS = 64
"""Rows of a block."""


def grouped_matmul(x_MI, kernel_EIO, size_E, implementation=None):
    """Multiplies the first `size_E[0]` rows by the first matrix, the next ones by the second, ...

    Args:
        x_MI: float array of M rows, sorted by group.
        kernel_EIO: float array of one matrix for each of E groups, of the same dtype.
        size_E: i32[E] rows of each group; their sum may be less than M.
        implementation: 'ragged' or 'blocks'; None is what fits the device.

    Returns:
        Array [M,O] of the dtype of `x_MI`; 0 in rows that belong to no group. Differentiable in
        `x_MI` and `kernel_EIO`.
    """
    if implementation is None:
        implementation = "blocks" if platform() == "cpu" else "ragged"
    if implementation == "blocks":
        return _by_blocks(x_MI, kernel_EIO, size_E)
    # What a kernel leaves in rows of no group is not defined on every device.
    of_a_group = (jnp.arange(len(x_MI)) < size_E.sum())[:, None]
    x_MI = jnp.where(of_a_group, x_MI, 0)
    return jnp.where(of_a_group, jax.lax.ragged_dot(x_MI, kernel_EIO, size_E), 0)


@jax.custom_vjp
def _by_blocks(x_MI, kernel_EIO, size_E):
    rows = min(ROWS, len(x_MI))
    start_E, first_E, n_blocks = _blocks_of(size_E, rows)
    # Room for what the last block reads and writes beyond the end.
    padded = jnp.pad(x_MI, ((0, rows), (0, 0)))

    def one(block, out):
        group, start = _place(block, first_E, start_E, rows)
        part = jax.lax.dynamic_slice_in_dim(padded, start, rows)
        # Rows beyond the group's end are written again by the blocks that they belong to.
        return jax.lax.dynamic_update_slice_in_dim(out, part @ kernel_EIO[group], start, 0)

    out = jnp.zeros((len(padded), kernel_EIO.shape[2]), x_MI.dtype)
    out = jax.lax.fori_loop(0, n_blocks, one, out)[: len(x_MI)]
    return jnp.where((jnp.arange(len(x_MI)) < size_E.sum())[:, None], out, 0)


@jax.custom_vjp
def _outer_by_blocks(x_MI, y_MO, size_E):
    """[E,I,O]: of each group, the sum over its rows of the outer products of x and y."""
    rows = min(ROWS, len(x_MI))
    start_E, first_E, n_blocks = _blocks_of(size_E, rows)
    end_E = start_E + size_E
    x_MI, y_MO = (jnp.pad(array, ((0, rows), (0, 0))) for array in (x_MI, y_MO))

    def one(block, sums_EIO):
        group, start = _place(block, first_E, start_E, rows)
        inside = (start + jnp.arange(rows) < end_E[group])[:, None]
        x_RI, y_RO = (jax.lax.dynamic_slice_in_dim(array, start, rows) for array in (x_MI, y_MO))
        x_RI, y_RO = jnp.where(inside, x_RI, 0), jnp.where(inside, y_RO, 0)
        product_IO = jnp.einsum("RI,RO->IO", x_RI, y_RO, preferred_element_type=jnp.float32)
        return sums_EIO.at[group].add(product_IO)

    sums_EIO = jnp.zeros((len(size_E), x_MI.shape[1], y_MO.shape[1]), jnp.float32)
    return jax.lax.fori_loop(0, n_blocks, one, sums_EIO).astype(x_MI.dtype)


def _blocks_of(size_E, rows):
    """First row and first block of each group, and the number of blocks."""
    blocks_E = -(-size_E // rows)
    return jnp.cumsum(size_E) - size_E, jnp.cumsum(blocks_E) - blocks_E, blocks_E.sum()


def _place(block, first_E, start_E, rows):
    """The group of a block, and its first row."""
    group = jnp.searchsorted(first_E, block, side="right") - 1
    return group, start_E[group] + (block - first_E[group]) * rows


def _by_blocks_forward(x_MI, kernel_EIO, size_E):
    return _by_blocks(x_MI, kernel_EIO, size_E), (x_MI, kernel_EIO, size_E)


def _by_blocks_backward(kept, gradient_MO):
    x_MI, kernel_EIO, size_E = kept
    of_x = _by_blocks(gradient_MO, kernel_EIO.swapaxes(1, 2), size_E)
    return of_x, _outer_by_blocks(x_MI, gradient_MO, size_E), None


def _outer_forward(x_MI, y_MO, size_E):
    return _outer_by_blocks(x_MI, y_MO, size_E), (x_MI, y_MO, size_E)


def _outer_backward(kept, gradient_EIO):
    x_MI, y_MO, size_E = kept
    of_x = _by_blocks(y_MO, gradient_EIO.swapaxes(1, 2), size_E)
    return of_x, _by_blocks(x_MI, gradient_EIO, size_E), None


_by_blocks.defvjp(_by_blocks_forward, _by_blocks_backward)
_outer_by_blocks.defvjp(_outer_forward, _outer_backward)
