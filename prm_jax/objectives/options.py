"""Hyperparameters of an objective from the text of a configuration key."""

import functools
import inspect
import json
import math

import jax
import jax.numpy as jnp

from prm_jax.errors import InputError


def with_options(name, loss, text, *, reads, needs=()):
    """A loss with its hyperparameters set.

    Args:
        name: of the objective, for messages.
        loss: function whose keyword arguments with a default are the hyperparameters.
        text: their values by name as a JSON object.
        reads: what the loss takes, see `Objective`.
        needs: keyword arguments that come from the batch.

    Returns:
        `(loss, options)`: the loss as a partial function, and the dict of what was set.

    Raises:
        InputError: for what is no such object, a hyperparameter that the loss does not have, or a
            value that it does not take.
    """
    field = "objective_options"
    try:
        options = json.loads(text)
    except ValueError as error:
        raise InputError(f"{text!r} is not JSON: {error}", field=field) from error
    if not isinstance(options, dict):
        raise InputError(
            f"{text!r} is no JSON object", field=field, remedy='write {"NAME": VALUE, ...}'
        )
    defaults = {
        parameter.name: parameter.default
        for parameter in inspect.signature(loss).parameters.values()
        if parameter.default is not parameter.empty
        and parameter.name not in (*needs, *getattr(loss, "keywords", ()))
    }
    for key, value in options.items():
        if key not in defaults:
            known = f"known are {', '.join(defaults)}" if defaults else "leave it empty"
            raise InputError(f"{name} has no hyperparameter {key!r}", field=field, remedy=known)
        if not _alike(value, defaults[key]):
            raise InputError(
                f"{key} of {name} cannot be {json.dumps(value)}",
                field=field,
                remedy=f"its default is {json.dumps(defaults[key])}",
            )
    bound = functools.partial(loss, **options)
    _trace(bound, reads, needs)
    return bound, options


def _alike(value, default):
    """Whether a JSON value is of the kind of a default: any finite number for a number."""
    if isinstance(default, float):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and math.isfinite(value)
    return type(value) is type(default)


def _trace(loss, reads, needs):
    """Traces a loss, so that it refuses a value now and not in the middle of a run."""
    steps, flags = jnp.zeros((1, 1)), jnp.zeros((1, 1), bool)
    shapes = {"span_BST": jnp.zeros((1, 1, 1), bool)}
    shapes |= {name: jnp.zeros((1, 1), jnp.int32) for name in ("trajectory_BS", "unit_BS")}
    extras = {name: shapes.get(name, flags if "mask" in name else steps) for name in needs}
    logits = jnp.zeros((1, 1, 2)) if reads == "logits" else steps
    jax.eval_shape(lambda: loss(logits, steps, flags, **extras))
