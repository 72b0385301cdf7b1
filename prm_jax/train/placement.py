"""Where the state and the batches of a run live on its mesh."""

from typing import Any

import jax
import numpy as np
import optax
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from prm_jax.errors import InputError
from prm_jax.models import batch_sharding, param_shardings, row_shares
from prm_jax.train.state import TrainState


def state_shardings(params, frozen, optimizer, mesh) -> TrainState:
    """NamedShardings of a `TrainState`: moments lie where their parameters lie.

    Args:
        params, frozen: as in `TrainState`, arrays or shapes.
        optimizer: optax.GradientTransformation.
        mesh: the mesh.

    Returns:
        `TrainState` with a NamedSharding at every leaf.
    """
    replicated = NamedSharding(mesh, P())
    shardings = param_shardings(params, mesh)
    opt_shapes = jax.eval_shape(optimizer.init, params)
    opt_shardings = optax.tree.map_params(
        optimizer,
        lambda _, sharding: sharding,
        opt_shapes,
        shardings,
        transform_non_params=lambda _: replicated,
    )
    step: Any = replicated
    return TrainState(step, shardings, param_shardings(frozen, mesh), opt_shardings)


def jit_update(update, shardings, mesh):
    """The program of an update: compiled when it is first called, its state donated.

    Args:
        update: `(state, batch) -> (state, metrics)`, such as `train.step.train_step` with its
            model, objective and optimizer.
        shardings: as `state_shardings` gives them.
        mesh: the mesh.

    Returns:
        The jitted function; the state stays where it is, metrics are in every device.
    """
    return jax.jit(
        update,
        in_shardings=(shardings, batch_sharding(mesh)),
        out_shardings=(shardings, NamedSharding(mesh, P())),
        donate_argnums=0,
    )


def check_rows(rows, microbatches, mesh):
    """Raises `InputError` unless every device gets the same number of rows of every microbatch."""
    shares = row_shares(mesh)
    if rows % (shares * microbatches):
        raise InputError(
            f"{rows} rows cannot be split over data x expert x fsdp = {shares} devices"
            + (f" and {microbatches} microbatches" if microbatches > 1 else ""),
            field="data.rows",
            remedy="make it a multiple of their product",
        )


def rows_of_process(rows, mesh) -> slice:
    """The rows of a batch that this process's devices hold.

    Raises:
        InputError: if they are not one block, which no usual order of devices gives.
    """
    indices = batch_sharding(mesh).addressable_devices_indices_map((rows, 1))
    blocks = sorted({index[0].indices(rows)[:2] for index in indices.values()})
    if any(end != start for (_, end), (start, _) in zip(blocks, blocks[1:])):
        raise InputError("a process holds rows that are not neighbours", field="mesh")
    return slice(blocks[0][0], blocks[-1][1])


def put_batch(batch, rows, mesh):
    """Places this process's rows of a batch: dict of arrays [rows, ...] over the whole mesh."""
    sharding = batch_sharding(mesh)
    return {
        key: jax.make_array_from_process_local_data(sharding, value, (rows, *value.shape[1:]))
        for key, value in batch.items()
    }


def fetch(tree, mesh):
    """The arrays of a tree as numpy arrays, in the first process; to be called in all of them.

    One array at a time is whole on the devices.

    Args:
        tree: of arrays that are spread over `mesh`.
        mesh: the mesh.

    Returns:
        A tree like it; None in all processes but the first.
    """
    gather = jax.jit(lambda x: x, out_shardings=NamedSharding(mesh, P()))
    leaves, structure = jax.tree.flatten(tree)
    if jax.process_index() == 0:
        return jax.tree.unflatten(structure, [np.asarray(gather(leaf)) for leaf in leaves])
    for leaf in leaves:
        gather(leaf).block_until_ready()
    return None
