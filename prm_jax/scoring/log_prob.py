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
from prm_jax.models.vocabulary import next_token_log_probs, require_unembedding, step_log_probs
from prm_jax.records import Trajectory
from prm_jax.scoring.batched import on_mesh, step_values
from prm_jax.scoring.discriminative import StepScores, require_step_convention
from prm_jax.text import StepConvention, encode

BATCH_TOKENS = 4096
STEP_TOKENS = ("tokens", "positions", "segment_ids", "step_starts", "step_positions")


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
            mesh: as in `scoring.score`; a head is not used.

    Returns:
        One `StepScores` a trajectory: `step_scores` are exp(mean log-probability of the step's
        tokens), the geometric mean of their probabilities, `step_logits` its log-odds.

    Raises:
        InputError: the convention has a turn a step, in which a step's tokens are not one span.
    """
    require_unembedding(model.config, params)
    convention = require_step_convention(convention or tokenizer.convention)
    require_spans(convention)
    longest = max_length or model.config.max_position
    encoded = [encode(trajectory, tokenizer, convention, longest) for trajectory in trajectories]

    def forward(batch):
        inputs = {name: batch[name] for name in STEP_TOKENS}
        return on_mesh(_mean_log_probs, model, params, inputs, mesh)

    options = dict(batch_tokens=min(batch_tokens, BATCH_TOKENS), mesh=mesh, progress=progress)
    values = step_values(encoded, forward, **options)
    return [_step_scores(row, item.truncated) for row, item in zip(values, encoded, strict=True)]


def require_spans(convention: StepConvention) -> None:
    """Raises `InputError` if the tokens of a step are not one span."""
    if convention.layout == "turns":
        raise InputError(
            f"{convention.name!r} has a turn a step",
            field="convention",
            remedy="give one whose steps follow one another, such as trl",
        )


@partial(jax.jit, static_argnums=0)
def log_probs_of_steps(model, params, inputs):
    """Log-probability of every step's tokens given what stands before them.

    Args:
        model: `Decoder`; a head is not used.
        params: its parameters.
        inputs: the `STEP_TOKENS` of a packed batch.

    Returns:
        f32[B,S] sums over the tokens in nats; slots without a step hold numbers without meaning.
    """
    names = ("tokens", "positions", "segment_ids")
    tokens_BT, positions_BT, segments_BT = (inputs[name] for name in names)
    hidden_BTD = model.apply({"params": params}, tokens_BT, positions_BT, segments_BT).hidden_BTD
    log_probs_BT = next_token_log_probs(model.config, params, hidden_BTD, tokens_BT, segments_BT)
    return step_log_probs(log_probs_BT, inputs["step_starts"], inputs["step_positions"])


@partial(jax.jit, static_argnums=0)
def _mean_log_probs(model, params, inputs):
    """The mean over the tokens that have something before them, f32[B,S]."""
    starts_BS, segments_BT = inputs["step_starts"], inputs["segment_ids"]
    own_BS, before_BS = (
        jnp.take_along_axis(segments_BT, at_BS, axis=1)
        for at_BS in (starts_BS, jnp.maximum(starts_BS - 1, 0))
    )
    given_BS = (own_BS != before_BS) | (starts_BS == 0)
    count_BS = inputs["step_positions"] - starts_BS + 1 - given_BS
    return log_probs_of_steps(model, params, inputs) / jnp.maximum(count_BS, 1)


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
