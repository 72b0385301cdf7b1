"""What a training step changes, and how it maps to a model's parameters."""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from prm_jax.models import combine, merge_lora
from prm_jax.models.tree import ADAPTERS


@flax.struct.dataclass
class TrainState:
    """State of a run.

    Fields:
        step: i32[], updates made so far.
        params: nested dict of what is trained, float32; adapters are under 'lora'.
        frozen: nested dict of the other parameters: no gradient, no optimizer state.
        opt_state: the optimizer's state for `params`.
    """

    step: jax.Array
    params: Any
    frozen: Any
    opt_state: Any


def create_state(params, frozen, optimizer) -> TrainState:
    """A state before the first update.

    Args:
        params: nested dict of what is trained.
        frozen: nested dict of what is not.
        optimizer: optax.GradientTransformation.

    Returns:
        `TrainState` with step 0.
    """
    return TrainState(jnp.zeros((), jnp.int32), params, frozen, optimizer.init(params))


def model_params(params, frozen):
    """The parameter tree that a model applies: both parts together, adapters merged.

    Args:
        params, frozen: as in `TrainState`.

    Returns:
        Nested dict laid out as docs/architecture.md says; differentiable in `params`.
    """
    tree = combine(params, frozen)
    adapters = tree.pop(ADAPTERS, None)
    return tree if adapters is None else merge_lora(tree, adapters)
