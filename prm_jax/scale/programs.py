"""The trainer's update and the scorer's forward pass of a large model, from shapes alone."""

import dataclasses
import functools
from typing import Any

import jax

from prm_jax import objectives
from prm_jax.data.packing import fill
from prm_jax.errors import InputError
from prm_jax.models import (
    PRESETS,
    Decoder,
    HeadConfig,
    abstract_params,
    batch_sharding,
    param_shardings,
    step_logit,
)
from prm_jax.models.step_reader import STEP_ARRAYS
from prm_jax.scoring.discriminative import reduced_logits
from prm_jax.train import placement
from prm_jax.train.config import default_config
from prm_jax.train.optimizer import make_optimizer
from prm_jax.train.state import create_state
from prm_jax.train.step import train_step

STEPS = ("train", "score")
TOTAL_STEPS = 1000  # of the learning rate's schedule, which the program's size does not depend on


@dataclasses.dataclass(frozen=True)
class Work:
    """What one call of a program does.

    Fields:
        model: a name in PRESETS.
        step: 'train', an update in bfloat16 on float32 parameters with AdamW, or 'score', a forward
            pass with bfloat16 parameters. The head is scalar; everything is trained.
        rows: B, of all devices together.
        row_length: T, in tokens.
        remat: as `Decoder` takes it; of no meaning where there is no backward pass.
    """

    model: str
    step: str
    rows: int
    row_length: int
    remat: str = "full"

    def __post_init__(self):
        for field, known in (("model", tuple(PRESETS)), ("step", STEPS)):
            if (value := getattr(self, field)) not in known:
                remedy = f"known are {', '.join(known)}"
                raise InputError(f"unknown {field} {value!r}", field=field, remedy=remedy)

    @property
    def decoder(self) -> Decoder:
        """The model."""
        remat = self.remat if self.step == "train" else "none"
        return Decoder(PRESETS[self.model], HeadConfig("scalar"), dtype="bfloat16", remat=remat)


@dataclasses.dataclass(frozen=True)
class Program:
    """A program that is traced and lowered, not compiled.

    Fields:
        lowered: jax.stages.Lowered.
        params: shapes with shardings: nested dict of jax.ShapeDtypeStruct.
        opt_state: the optimizer's state likewise; None where nothing is trained.
    """

    lowered: Any
    params: Any
    opt_state: Any


def lower(work: Work, mesh) -> Program:
    """Lowers a step for a mesh; nothing is allocated.

    Args:
        work: `Work`.
        mesh: mesh with axes ('data', 'fsdp', 'tensor').

    Returns:
        `Program`.

    Raises:
        InputError: the mesh cannot share the rows.
    """
    placement.check_rows(work.rows, 1, mesh)
    return _train(work, mesh) if work.step == "train" else _score(work, mesh)


def abstract_state(params, frozen, mesh):
    """The state of a training as shapes with shardings.

    Args:
        params, frozen: as in `TrainState`, shapes.
        mesh: the mesh.

    Returns:
        `(state, optimizer)`: `TrainState` of jax.ShapeDtypeStruct, and what updates it.
    """
    optimizer, _ = make_optimizer(default_config().optimizer, params, TOTAL_STEPS)
    create = functools.partial(create_state, optimizer=optimizer)
    shardings = placement.state_shardings(params, frozen, optimizer, mesh)
    return _placed(jax.eval_shape(create, params, frozen), shardings), optimizer


def _train(work, mesh):
    model = work.decoder
    state, optimizer = abstract_state(abstract_params(model.config, model.head), {}, mesh)
    objective = objectives.check("bce", model.head, "")
    update = functools.partial(train_step, model=model, objective=objective, optimizer=optimizer)
    shardings = jax.tree.map(lambda leaf: leaf.sharding, state)
    with jax.set_mesh(mesh):
        lowered = placement.jit_update(update, shardings, mesh).lower(state, _batch(work, mesh))
    return Program(lowered, state.params, state.opt_state)


def _score(work, mesh):
    model = work.decoder
    shapes = abstract_params(model.config, model.head)
    params = jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, model.dtype, sharding=sharding),
        shapes,
        param_shardings(shapes, mesh),
    )
    batch = {name: leaf for name, leaf in _batch(work, mesh).items() if name in STEP_ARRAYS}
    with jax.set_mesh(mesh):
        lowered = reduced_logits.lower(step_logit, model, params, batch)
    return Program(lowered, params, None)


def _batch(work, mesh):
    steps = default_config().data.max_steps
    arrays = fill([[]] * work.rows, [], work.row_length, steps)
    return _placed(arrays, dict.fromkeys(arrays, batch_sharding(mesh)))


def _placed(tree, shardings):
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        tree,
        shardings,
    )
