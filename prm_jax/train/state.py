"""What a training step changes, and how it maps to a model's parameters."""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from prm_jax.errors import InputError
from prm_jax.models import combine, merge_lora
from prm_jax.models.tree import ADAPTERS

REFERENCE = "reference"  # where the frozen parameters keep those of the reference model


@flax.struct.dataclass
class TrainState:
    """State of a run.

    Fields:
        step: i32[], updates made so far.
        params: nested dict of what is trained, float32; adapters are under 'lora'.
        frozen: nested dict of the other parameters: no gradient, no optimizer state.
        opt_state: the optimizer's state for `params`.
        domains: `train.bilevel.Domains` where the weights of the sources are learnt, else None.
    """

    step: jax.Array
    params: Any
    frozen: Any
    opt_state: Any
    domains: Any = None


def create_state(params, frozen, optimizer, domains=None) -> TrainState:
    """A state before the first update.

    Args:
        params: nested dict of what is trained.
        frozen: nested dict of what is not.
        optimizer: optax.GradientTransformation.
        domains: as in `TrainState`.

    Returns:
        `TrainState` with step 0.
    """
    return TrainState(jnp.zeros((), jnp.int32), params, frozen, optimizer.init(params), domains)


def with_reference(params, frozen):
    """Frozen parameters that remember what is trained as it is now, as the reference of a language
    model's rewards; with adapters that is only them."""
    return {**frozen, REFERENCE: params}


def reference_params(frozen):
    """The parameter tree of the reference.

    Raises:
        InputError: none is kept.
    """
    if REFERENCE not in frozen:
        raise InputError(
            "the batch has no log-probabilities of a reference, and no reference is kept",
            field="reference",
        )
    return model_params(frozen[REFERENCE], frozen)


def model_params(params, frozen):
    """The parameter tree that a model applies: both parts together, adapters merged.

    Args:
        params, frozen: as in `TrainState`.

    Returns:
        Nested dict laid out as docs/architecture.md says; differentiable in `params`.
    """
    tree = combine(params, {name: leaf for name, leaf in frozen.items() if name != REFERENCE})
    adapters = tree.pop(ADAPTERS, None)
    return tree if adapters is None else merge_lora(tree, adapters)
