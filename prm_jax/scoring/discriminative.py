"""Step scores from a model with a head that reads step ends: one forward pass a trajectory."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.errors import InputError
from prm_jax.models import apply_head, gather_steps, step_logit
from prm_jax.models.heads import HeadConfig
from prm_jax.records import Trajectory
from prm_jax.scoring.batched import BATCH_TOKENS, on_mesh, step_values
from prm_jax.text import StepConvention, encode

READS_VOCABULARY = ("math_shepherd", "rlhflow")
"""Conventions whose score is the next-token probability of `positive` against `negative`."""


@dataclasses.dataclass(frozen=True)
class StepScores:
    """What a scorer says of one trajectory.

    Fields:
        step_scores: per step the probability in [0, 1] that it is right; None where the step did
            not fit the model's input.
        step_logits: per step the log-odds of that probability, in nats; None likewise.
        truncated: whether a step did not fit.
    """

    step_scores: tuple[float | None, ...]
    step_logits: tuple[float | None, ...]
    truncated: bool

    @classmethod
    def from_logits(cls, logits: Sequence[float | None], truncated: bool) -> "StepScores":
        """The scores whose log-odds are `logits`; None stays None."""
        return cls(
            tuple(None if s is None else _sigmoid(s) for s in logits), tuple(logits), truncated
        )


def score(
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
    """Scores every step of every trajectory.

    Args:
        model: `Decoder` with a head; without one, a convention that reads vocabulary logits
            (Math-Shepherd, RLHFlow) gives it a two_token head.
        params: its parameters.
        tokenizer: its tokenizer.
        trajectories: what to score, for example the candidates of one problem.
        convention: how steps are marked; by default what the tokenizer records.
        max_length: most tokens of a trajectory; by default the model's context length. Steps beyond
            it get None.
        batch_tokens: tokens of one forward pass, padding included; at least one row is run.
        progress: called with the number of trajectories that the last forward pass finished.
        mesh: mesh that the parameters live on; rows are spread over its data axes.

    Returns:
        One `StepScores` a trajectory, in the order given.

    Raises:
        InputError: the model has no head, or nothing says how its steps are marked.
    """
    convention = require_convention(convention or tokenizer.convention)
    model = require_head(model, tokenizer, convention)
    longest = max_length or model.config.max_position
    encoded = [encode(trajectory, tokenizer, convention, longest) for trajectory in trajectories]
    forward = partial(_forward, model, params, mesh)
    logits = step_values(encoded, forward, batch_tokens=batch_tokens, mesh=mesh, progress=progress)
    return [
        StepScores.from_logits(row, bool(item.truncated))
        for row, item in zip(logits, encoded, strict=True)
    ]


def require_convention(convention) -> StepConvention:
    """The convention, or an `InputError` that says how to give one."""
    if convention is None:
        raise InputError(
            "the model does not record how its steps are marked",
            field="convention",
            remedy="give one, for example trl",
        )
    return convention


def require_head(model, tokenizer, convention: StepConvention):
    """The model with the head that its scores are read with.

    Raises:
        InputError: it has none, and the convention does not say which vocabulary entries to read.
    """
    if model.head is not None:
        return model
    if convention.name not in READS_VOCABULARY:
        raise InputError(
            "the model is a language model without a head that scores steps",
            field="model",
            remedy="train one with experiments.train, or give a convention that reads vocabulary "
            f"logits ({', '.join(READS_VOCABULARY)})",
        )
    positive, negative = (
        tokenizer.encode(text)[-1] for text in (convention.positive, convention.negative)
    )
    return model.clone(head=HeadConfig("two_token", positive_id=positive, negative_id=negative))


@partial(jax.jit, static_argnums=0)
def step_logits(model, params, batch):
    """Log-odds f32[B,S] that each step of a packed batch is right.

    Args:
        model: `Decoder` with a head.
        params: its parameters.
        batch: `tokens`, `positions`, `segment_ids` i32[B,T] and `step_positions` i32[B,S]; slots
            without a step hold any valid position and give numbers without meaning.

    Returns:
        f32[B,S].
    """
    tokens_BT, step_positions_BS = batch["tokens"], batch["step_positions"]
    chex.assert_equal_shape([tokens_BT, batch["positions"], batch["segment_ids"]])
    chex.assert_rank(step_positions_BS, 2)
    chex.assert_type([tokens_BT, step_positions_BS], jnp.int32)
    output = model.apply({"params": params}, tokens_BT, batch["positions"], batch["segment_ids"])
    h_BSD = gather_steps(output.hidden_BTD, step_positions_BS)
    logits_BSC = apply_head(model.head, params, h_BSD, final_softcap=model.config.final_softcap)
    return step_logit(model.head, logits_BSC)


def _forward(model, params, mesh, batch):
    arrays = ("tokens", "positions", "segment_ids", "step_positions")
    return on_mesh(step_logits, model, params, {name: batch[name] for name in arrays}, mesh)


def _sigmoid(s):
    return float(np.exp(-np.logaddexp(0.0, -s)))
