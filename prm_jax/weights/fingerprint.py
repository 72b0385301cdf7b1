"""What tells parameters from others: a checksum, computed where they are."""

import hashlib

import jax
import jax.numpy as jnp

from prm_jax.models import paths
from prm_jax.models.tree import resegment


def fingerprint(params) -> str:
    """A checksum of parameters that does not depend on how they are spread over devices.

    Every leaf is reduced on its devices to one 32-bit sum of its mixed bits times odd numbers that
    depend on the place, modulo 2**32, which is exact in any order of summation.

    Args:
        params: nested dict of float arrays.

    Returns:
        SHA-256, in hex, of paths, shapes, dtypes and sums.
    """
    sums = paths(jax.device_get(_bit_sums(params)))
    digest = hashlib.sha256()
    for path, leaf in sorted(paths(params).items()):
        total = int(sums[path])
        digest.update(f"{path} {leaf.shape} {leaf.dtype} {total}\n".encode())
    return digest.hexdigest()


def frozen_fingerprint(params) -> str:
    """A checksum of a decoder's parameters without its head, however its layers are grouped."""
    return fingerprint({name: x for name, x in resegment(params, ()).items() if name != "head"})


@jax.jit
def _bit_sums(params):
    return jax.tree.map(_bit_sum, params)


def _bit_sum(x):
    bits = jax.lax.bitcast_convert_type(x, jnp.dtype(f"uint{8 * x.dtype.itemsize}"))
    bits = bits.astype(jnp.uint32)
    # Mixed first: without it an even number of flipped signs, bits of weight 2**31, would cancel.
    bits = (bits ^ (bits >> 16)) * jnp.uint32(0x85EBCA6B)
    bits = bits ^ (bits >> 13)
    place = jnp.zeros(x.shape, jnp.uint32)
    for axis, size in enumerate(x.shape):
        place = place * jnp.uint32(size) + jax.lax.broadcasted_iota(jnp.uint32, x.shape, axis)
    return jnp.sum(bits * (place * jnp.uint32(2654435762) + jnp.uint32(1)), dtype=jnp.uint32)
