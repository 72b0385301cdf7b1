"""AdamW with a warmup, a decay, clipping, and learning rates per group of parameters."""

import re

import jax.numpy as jnp
import optax

from prm_jax.errors import InputError
from prm_jax.models import from_paths, paths

DECAYS = ("cosine", "linear", "constant")
# Decaying these pulls a norm towards zero output and a bias towards nothing in particular.
NO_WEIGHT_DECAY = r"(scale|bias|a_log)$"


def learning_rate_schedule(config, total_steps):
    """Learning rate by step: linear warmup from 0, then cosine or linear decay to a floor.

    Args:
        config: `config.optimizer` with `learning_rate`, `warmup_steps` (a number of steps, or a
            fraction of the run when below 1), `decay` and `final_fraction` of the peak.
        total_steps: length of the run in updates.

    Returns:
        optax schedule.

    Raises:
        InputError: for an unknown decay.
    """
    if config.decay not in DECAYS:
        raise InputError(
            f"unknown decay {config.decay!r}",
            field="optimizer.decay",
            remedy=f"known are {', '.join(DECAYS)}",
        )
    peak, floor = config.learning_rate, config.learning_rate * config.final_fraction
    warmup = config.warmup_steps
    warmup = round(warmup * total_steps) if warmup < 1 else int(warmup)
    warmup = min(warmup, total_steps - 1)
    # The last update is at step total - 1; the decay ends one later, so that it is not lost.
    span = max(total_steps - warmup, 1)
    if config.decay == "cosine":
        after = optax.cosine_decay_schedule(peak, span, alpha=config.final_fraction)
    elif config.decay == "linear":
        after = optax.linear_schedule(peak, floor, span)
    else:
        after = optax.constant_schedule(peak)
    # Warmup begins at the first of its steps, not at 0: an update with rate 0 is a wasted one.
    rise = optax.linear_schedule(peak / (warmup + 1), peak, max(warmup, 1))
    return optax.join_schedules([rise, after], [warmup]) if warmup else after


def learning_rate_groups(params, groups):
    """Assigns every parameter to a learning-rate group.

    Args:
        params: nested dict of trained parameters.
        groups: sequence of (path regex, factor on the learning rate); the first that matches a
            path by `re.search` counts, 1.0 without a match.

    Returns:
        Nested dict like `params` with the factors.

    Raises:
        InputError: for a group that matches no trained parameter, or a negative factor.
    """
    factors, used = {}, set()
    for path in paths(params):
        matches = [i for i, (pattern, _) in enumerate(groups) if re.search(pattern, path)]
        used |= set(matches)
        factors[path] = float(groups[matches[0]][1]) if matches else 1.0
    for i, (pattern, factor) in enumerate(groups):
        if i not in used:
            raise InputError(
                f"{pattern!r} matches no trained parameter",
                field="optimizer.groups",
                remedy=f"paths are like {sorted(paths(params))[:3]}",
            )
        if factor < 0:
            raise InputError(f"factor {factor} is negative", field="optimizer.groups")
    return from_paths(factors)


def make_optimizer(config, params, total_steps):
    """The optimizer of a run.

    Args:
        config: `config.optimizer`: the schedule's fields, `b1`, `b2`, `eps`, `weight_decay`,
            `clip_norm` (global norm of the gradient over all groups; 0 is off) and `groups`.
        params: nested dict of trained parameters, or their shapes.
        total_steps: length of the run in updates.

    Returns:
        `(optimizer, schedule)`.
    """
    schedule = learning_rate_schedule(config, total_steps)
    factors = learning_rate_groups(params, config.groups)
    decayed = from_paths({path: not re.search(NO_WEIGHT_DECAY, path) for path in paths(params)})
    parts = [optax.clip_by_global_norm(config.clip_norm)] if config.clip_norm else []
    parts += [
        optax.scale_by_adam(config.b1, config.b2, config.eps, mu_dtype=jnp.float32),
        optax.add_decayed_weights(config.weight_decay, mask=decayed),
        optax.partition({f: optax.scale(f) for f in set(paths(factors).values())}, factors),
        optax.scale_by_learning_rate(schedule),
    ]
    return optax.chain(*parts), schedule
