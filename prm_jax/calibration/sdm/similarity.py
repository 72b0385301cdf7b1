"""Similarity and distance of a query to the training rows (arXiv:2509.12760, section 3).

With the support rows sorted by their distance to a query, ties by their number, q is the length of
the leading run of rows that are predicted right and as the query is; d0 is the squared distance to
the nearest row. Nothing needs to be sorted for that: q is the rank of the nearest row that is not
so.
"""

import functools
from collections.abc import Sequence

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from prm_jax.calibration.sdm.precision import in_given_precision
from prm_jax.errors import InputError

CAP = 2048
"""Rows that are looked at, at most."""
TILE_BYTES = 1 << 22
"""Size of the distances of one tile of queries to all support rows, about. Memory of larger ones
goes back to the system after each tile, and getting it again takes as long as the work."""
LEAST_ROWS = 64
"""Queries of a tile at least: the support rows are read once for each."""


@in_given_precision
def similarity_distance(
    query_NM,
    query_pred_N,
    support_KM,
    support_label_K,
    support_pred_K,
    exclude_N=None,
    cap: int = CAP,
    *,
    query_group_N=None,
    support_group_K=None,
    tile_rows: int = 0,
    mesh=None,
):
    """q and d0 of every query.

    Distances come from the norms and one matrix product, after a row of the support is taken as the
    origin; the nearest one is then computed again from the difference, so that it is 0 for equal
    rows. Needs `TILE_BYTES` (or `LEAST_ROWS` queries) beside the arrays, a few times.

    Args:
        query_NM: float[N,M] exemplars of the queries.
        query_pred_N: int[N] their predictions.
        support_KM: float[K,M] exemplars of the training rows.
        support_label_K: int[K] true classes; a row labelled below 0 matches nothing and ends runs.
        support_pred_K: int[K] predictions.
        exclude_N: int[N], the support row to leave out for each query, -1 for none: itself, if it
            is one. The next `cap` rows are looked at.
        cap: rows that are looked at, at most.
        query_group_N, support_group_K: int[N], int[K]; support rows of the query's group are left
            out, as those of the same problem. A group below 0 is none.
        tile_rows: queries at a time; 0 follows from TILE_BYTES.
        mesh: mesh, as `models.make_mesh` gives it, whose devices share the support rows; None is
            one device.

    Returns:
        `(q_N, d0_N)`: float[N] in [0, cap], and float[N] squared L2, in the dtype of the rows
        (float32 or float64). A query without any row left has q 0 and d0 inf.

    Raises:
        InputError: shapes that do not fit, no support row, or groups of one side only.
    """
    _check(query_NM, query_pred_N, support_KM, support_label_K, support_pred_K, cap)
    if (query_group_N is None) != (support_group_K is None):
        raise InputError("groups are needed of queries and of support rows", field="groups")
    n, k = len(query_NM), len(support_KM)
    query_NM, support_KM = np.asarray(query_NM), np.asarray(support_KM)
    dtype = jnp.result_type(query_NM.dtype, support_KM.dtype, jnp.float32)
    query_NM, support_KM = (x.astype(dtype, copy=False) for x in (query_NM, support_KM))
    if exclude_N is None:
        exclude_N = np.full(n, -1)
    if query_group_N is None:
        query_group_N, support_group_K = np.full(n, -1), np.full(k, -1)
    support_label_K, support_pred_K = np.asarray(support_label_K), np.asarray(support_pred_K)
    agrees_K = np.where(
        (support_label_K >= 0) & (support_pred_K == support_label_K), support_pred_K, -1
    )
    origin_M = support_KM[0]
    support = _placed((support_KM - origin_M, agrees_K, np.asarray(support_group_K)), mesh)
    norm_K = _norms(support[0])
    rows = tile_rows or max(LEAST_ROWS, TILE_BYTES // (k * dtype.itemsize))
    rows = min(rows, 1 << (n - 1).bit_length()) if n else 1  # few shapes, so little to compile
    q_N, d0_N = np.zeros(n, dtype), np.zeros(n, dtype)
    for first in range(0, n, rows):
        part = slice(first, first + rows)
        queries = (
            query_NM[part] - origin_M,
            *(np.asarray(x[part]) for x in (query_pred_N, exclude_N, query_group_N)),
        )
        real = len(queries[0])  # the last tile has the shape of the others
        queries = tuple(np.pad(x, [(0, rows - real)] + [(0, 0)] * (x.ndim - 1)) for x in queries)
        (query_BM, pred_B, *left_out), (centred_KM, agrees_K, *others) = queries, support
        distance_BK = _distances(query_BM, left_out, centred_KM, norm_K, others)
        q_B, nearest_B, any_B, tied = _compared(distance_BK, pred_B, agrees_K)
        if tied:
            q_B = _with_ties(distance_BK, pred_B, agrees_K)
        q_N[part], nearest_B, any_B = (np.asarray(x)[:real] for x in (q_B, nearest_B, any_B))
        differences_BM = query_NM[part] - support_KM[nearest_B]
        d0_N[part] = np.where(any_B, np.square(differences_BM).sum(axis=1), np.inf)
    return np.minimum(q_N, cap), d0_N


def distance_quantile(d0_N, class_d0: Sequence):
    """How near each distance is, against those of every class: the least of 1 - eCDF.

    Args:
        d0_N: float[N].
        class_d0: for each class an ascending float array of d0, of its rows with q > 0, in the
            dtype of `d0_N`: a row of its own must meet itself.

    Returns:
        float[N] in [0, 1]: 1 where nothing is nearer, 0 beyond the farthest of some class, or if a
        class has no row.
    """
    d0_N = np.asarray(d0_N)
    shares = [
        1 - np.searchsorted(d0, d0_N, side="left").astype(d0_N.dtype) / d0_N.dtype.type(len(d0))
        if len(d0)
        else np.zeros_like(d0_N)
        for d0 in class_d0
    ]
    return functools.reduce(np.minimum, shares)


@in_given_precision
def nearest_rows(query_NM, support_KM, n: int, *, tile_rows: int = 0):
    """The support rows nearest to each query.

    Args:
        query_NM, support_KM: as in `similarity_distance`.
        n: how many; all, if there are fewer.
        tile_rows: as there.

    Returns:
        int[N,n] numbers of support rows, the nearest first, the lower of equal ones first.
    """
    query_NM, support_KM = np.asarray(query_NM), np.asarray(support_KM)
    dtype = jnp.result_type(query_NM.dtype, support_KM.dtype, jnp.float32)
    origin_M = support_KM[0].astype(dtype)
    support_KM = jnp.asarray(support_KM.astype(dtype) - origin_M)
    norm_K = _norms(support_KM)
    rows = tile_rows or max(LEAST_ROWS, TILE_BYTES // (len(support_KM) * dtype.itemsize))
    parts = [np.zeros((0, min(n, len(support_KM))), int)]
    for first in range(0, len(query_NM), rows):
        query_BM = query_NM[first : first + rows].astype(dtype) - origin_M
        parts.append(np.asarray(_nearest(query_BM, support_KM, norm_K, n)))
    return np.concatenate(parts)


def distances_by_class(d0_N, q_N, label_N, n_classes: int) -> tuple[np.ndarray, ...]:
    """The ascending d0 of each class's rows with q > 0, which `distance_quantile` takes."""
    d0_N, q_N, label_N = (np.asarray(x) for x in (d0_N, q_N, label_N))
    return tuple(np.sort(d0_N[(label_N == c) & (q_N > 0)]) for c in range(n_classes))


@jax.jit
def _distances(query_BM, left_out, support_KM, norm_K, others):
    """Squared distances of a tile, infinite where a support row is left out.

    They are a computation of their own, for what is compared with their minimum must be the same to
    the last bit, which it need not be if it is computed again.
    """
    (exclude_B, group_B), (group_K, real_K) = left_out, others
    left_out_BK = (jnp.arange(len(norm_K)) == exclude_B[:, None]) | ~real_K
    left_out_BK |= (group_K == group_B[:, None]) & (group_B >= 0)[:, None]
    return jnp.where(left_out_BK, jnp.inf, _squares(query_BM, support_KM, norm_K))


def _compared(distance_BK, pred_B, agrees_K):
    """q of a tile if none is tied, the nearest support row of each query, whether it has one, and
    whether some row that counts may be as far as the nearest bad one.

    Several small computations, since one of all of this takes three times as long on CPUs.
    """
    nearest_bad_B1 = _nearest_bad(distance_BK, pred_B, agrees_K)
    nearer_B, as_near_B = _counts(distance_BK, nearest_bad_B1)
    nearest_B, any_B = _nearest_of_all(distance_BK)
    tied = ((as_near_B > 1) & jnp.isfinite(nearest_bad_B1[:, 0])).any()
    return nearer_B, nearest_B, any_B, tied


@jax.jit
def _nearest_bad(distance_BK, pred_B, agrees_K):
    """The distance of the nearest bad row, infinite without one: then all that are left count."""
    of_bad_BK = jnp.where(agrees_K == pred_B[:, None], jnp.inf, distance_BK)
    return of_bad_BK.min(axis=1, keepdims=True)


@jax.jit
def _counts(distance_BK, limit_B1):
    return (distance_BK < limit_B1).sum(axis=1), (distance_BK == limit_B1).sum(axis=1)


@jax.jit
def _nearest_of_all(distance_BK):
    least_B1 = distance_BK.min(axis=1, keepdims=True)
    return _lowest(distance_BK == least_B1), jnp.isfinite(least_B1[:, 0])


@jax.jit
def _with_ties(distance_BK, pred_B, agrees_K):
    """q of a tile: of the rows as far as the nearest bad one those with a lower number count."""
    bad_BK = (agrees_K != pred_B[:, None]) & jnp.isfinite(distance_BK)
    nearest_bad_B1 = jnp.where(bad_BK, distance_BK, jnp.inf).min(axis=1, keepdims=True)
    first_bad_B1 = _lowest(bad_BK & (distance_BK == nearest_bad_B1))[:, None]
    as_near_BK = (distance_BK == nearest_bad_B1) & jnp.isfinite(distance_BK)
    before_BK = as_near_BK & (jnp.arange(len(agrees_K)) < first_bad_B1)
    return ((distance_BK < nearest_bad_B1) | before_BK).sum(axis=1)


def _lowest(chosen_BK):
    """The lowest number of those chosen in each row; the last one if none is.

    A minimum of numbers in place of argmax, which is many times slower on CPUs.
    """
    number_K = jnp.arange(chosen_BK.shape[1])
    return jnp.where(chosen_BK, number_K, chosen_BK.shape[1] - 1).min(axis=1)


@functools.partial(jax.jit, static_argnames="n")
def _nearest(query_BM, support_KM, norm_K, n):
    distance_BK = _squares(query_BM, support_KM, norm_K)
    return jax.lax.top_k(-distance_BK, min(n, len(support_KM)))[1]


def _placed(support, mesh):
    """The support rows on their devices, with a flag that tells real rows from those that fill."""
    k = len(support[0])
    support = (*support, np.ones(k, bool))
    if mesh is None:
        return jax.tree.map(jnp.asarray, support)
    missing = -k % mesh.size
    padded = (np.pad(x, [(0, missing)] + [(0, 0)] * (x.ndim - 1)) for x in support)
    return jax.device_put(tuple(padded), NamedSharding(mesh, PartitionSpec(mesh.axis_names)))


def _squares(query_BM, support_KM, norm_K):
    """Squared L2 by norms and a product, not below 0; rows count from an origin among them."""
    product_BK = jnp.matmul(query_BM, support_KM.T, precision=jax.lax.Precision.HIGHEST)
    norms_BK = _norms(query_BM)[:, None] + norm_K
    return jnp.maximum(norms_BK - 2 * product_BK, 0.0)


@jax.jit
def _norms(rows_NM):
    return jnp.square(rows_NM).sum(axis=1)


def _check(query_NM, query_pred_N, support_KM, support_label_K, support_pred_K, cap):
    chex.assert_rank([query_NM, support_KM], 2)
    if len(support_KM) == 0:
        raise InputError("there is no support row", field="support")
    if query_NM.shape[1] != support_KM.shape[1]:
        raise InputError(
            f"queries have {query_NM.shape[1]} numbers, support rows {support_KM.shape[1]}",
            field="query",
        )
    chex.assert_shape(query_pred_N, (len(query_NM),))
    chex.assert_shape([support_label_K, support_pred_K], (len(support_KM),))
    if cap < 0:
        raise InputError(f"a cap of {cap} rows", field="cap")
