"""The mean log-probability a language model gives a step's tokens: a baseline without a head.

Nothing is trained: a step is as right as the model finds its text likely after what stands before
it. The mean is over the step's tokens with its lead and its marker.
"""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.scoring.batched import on_mesh, step_values
from prm_jax.scoring.discriminative import StepScores, require_convention
from prm_jax.text import StepConvention, encode

BATCH_TOKENS = 4096


def mean_log_prob(
    model,
    params,
    tokenizer,
    trajectories: Sequence[Trajectory],
    *,
    convention: StepConvention | None = None,
    max_length: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
    progress: Callable[[int], None] | None = None,
    mesh=None,
) -> list[StepScores]:
    """Scores every step of every trajectory by its likelihood.

    Args:
        model, params, tokenizer, trajectories, convention, max_length, batch_tokens, progress,
            mesh: as in `scoring.score`; a head is not used, and vocabulary logits are held for one
            row at a time.

    Returns:
        One `StepScores` a trajectory: `step_scores` are exp(mean log-probability of the step's
        tokens), the geometric mean of their probabilities, `step_logits` its log-odds.

    Raises:
        InputError: the convention has a turn a step, in which a step's tokens are not one span.
    """
    convention = require_convention(convention or tokenizer.convention)
    if convention.layout == "turns":
        raise InputError(
            f"{convention.name!r} has a turn a step",
            field="convention",
            remedy="give one whose steps follow one another, such as trl",
        )
    longest = max_length or model.config.max_position
    encoded = [encode(trajectory, tokenizer, convention, longest) for trajectory in trajectories]

    def forward(batch):
        arrays = ("tokens", "positions", "segment_ids", "step_positions")
        inputs = {name: batch[name] for name in arrays}
        inputs["step_starts"] = _starts(batch, encoded)
        return on_mesh(_step_log_probs, model, params, inputs, mesh)

    options = dict(batch_tokens=min(batch_tokens, BATCH_TOKENS), mesh=mesh, progress=progress)
    values = step_values(encoded, forward, **options)
    return [_step_scores(row, item.truncated) for row, item in zip(values, encoded, strict=True)]


def _starts(batch, encoded):
    """i32[B,S]: the place in the row of each step's first token."""
    starts_BS = np.zeros_like(batch["step_positions"])
    for place in map(tuple, np.argwhere(batch["step_mask"])):
        item, step = encoded[batch["step_example"][place]], batch["step_index"][place]
        length = item.step_positions[step] - item.step_starts[step]
        starts_BS[place] = batch["step_positions"][place] - length
    return starts_BS


@partial(jax.jit, static_argnums=0)
def _step_log_probs(model, params, inputs):
    """Mean log-probability f32[B,S] of the tokens from each step's start to its position."""
    names = ("tokens", "positions", "segment_ids")

    def log_probs(row):
        logits_TV = model.apply({"params": params}, *(x[None] for x in row), logits=True).logits_BTV
        tokens_T, _, segments_T = row
        all_TV = jax.nn.log_softmax(logits_TV[0, :-1])
        next_T = jnp.take_along_axis(all_TV, tokens_T[1:, None], axis=1)[:, 0]
        seen_T = segments_T[1:] == segments_T[:-1]  # a segment's first token is given
        return jnp.pad(jnp.where(seen_T, next_T, 0), (1, 0)), jnp.pad(seen_T, (1, 0))

    log_prob_BT, seen_BT = jax.lax.map(log_probs, tuple(inputs[name] for name in names))
    # Sums of each step's tokens: differences of running sums would cancel.
    place_T = jnp.arange(inputs["tokens"].shape[1])
    inside_BST = place_T >= inputs["step_starts"][..., None]
    inside_BST &= place_T <= inputs["step_positions"][..., None]
    log_prob_BS = jnp.sum(jnp.where(inside_BST, log_prob_BT[:, None], 0), axis=-1)
    return log_prob_BS / jnp.maximum(jnp.sum(inside_BST & seen_BT[:, None], axis=-1), 1)


def _step_scores(log_probs, truncated):
    """A mean log-probability q as a probability e^q and as its log-odds."""
    return StepScores(
        step_scores=tuple(None if q is None else float(np.exp(q)) for q in log_probs),
        step_logits=tuple(None if q is None else float(q - _log1m(q)) for q in log_probs),
        truncated=bool(truncated),
    )


def _log1m(q):
    """log(1 - e^q) for q < 0."""
    q = min(q, -1e-12)
    return np.log(-np.expm1(q))
