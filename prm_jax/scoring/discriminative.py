"""Step scores from a model with a head that reads step ends: one forward pass a trajectory."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.data.units import encode_unit
from prm_jax.errors import InputError
from prm_jax.models import step_logit
from prm_jax.models.heads import HeadConfig
from prm_jax.models.step_reader import STEP_ARRAYS, read_steps
from prm_jax.records import Trajectory
from prm_jax.scoring.batched import BATCH_TOKENS, on_mesh, step_values
from prm_jax.scoring.shared_prefixes import TokenCounts, require_shareable, tree_step_values
from prm_jax.text import StepConvention
from prm_jax.text.convention import OF_SOLUTION
from prm_jax.text.encode import Encoded

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
        of_solution: whether there is one number for the whole solution, an outcome reward model's:
            then `step_logits` holds its logit alone, `step_scores` that logit's sigmoid.
    """

    step_scores: tuple[float | None, ...]
    step_logits: tuple[float | None, ...]
    truncated: bool
    of_solution: bool = False

    @classmethod
    def from_logits(
        cls, logits: Sequence[float | None], truncated: bool, of_solution: bool = False
    ) -> "StepScores":
        """The scores whose log-odds are `logits`; None stays None."""
        scores = tuple(None if s is None else _sigmoid(s) for s in logits)
        return cls(scores, tuple(logits), truncated, of_solution)


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
    share_prefixes: bool = False,
    token_counts: TokenCounts | None = None,
) -> list[StepScores]:
    """Scores every step of every trajectory.

    A gated head reads each trajectory in both directions, packed side by side, and sees the steps
    after a step.

    Args:
        model: `Decoder` with a head; without one, a convention that reads vocabulary logits
            (Math-Shepherd, RLHFlow) gives it a two_token head.
        params: its parameters.
        tokenizer: its tokenizer.
        trajectories: what to score, for example the candidates of one problem.
        convention: how steps are marked; by default what the tokenizer records.
        max_length: most tokens of a trajectory; by default the model's context length. Steps beyond
            it get None.
        batch_tokens: most tokens of one forward pass, padding included; at least one row is run.
        progress: called with the number of trajectories that the last forward pass finished.
        mesh: mesh that the parameters live on; rows are spread over its data axes.
        share_prefixes: compute what trajectories begin with in common once. The scores are the
            same; it saves most where candidates of one problem, or paths of one search, are scored
            in one call.
        token_counts: added to if prefixes are shared.

    Returns:
        One `StepScores` a trajectory, in the order given.

    Raises:
        InputError: the model has no head, nothing says how its steps are marked, or prefixes are
            shared and the head reads more than the ends of steps.
    """
    rows = head_logits(
        model,
        params,
        tokenizer,
        trajectories,
        convention=convention,
        max_length=max_length,
        batch_tokens=batch_tokens,
        progress=progress,
        mesh=mesh,
        reduce=step_logit,
        share_prefixes=share_prefixes,
        token_counts=token_counts,
    )
    of_solution = require_convention(convention or tokenizer.convention).marker in OF_SOLUTION
    return [StepScores.from_logits(logits, truncated, of_solution) for logits, truncated in rows]


def head_logits(
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
    reduce: Callable | None = None,
    share_prefixes: bool = False,
    token_counts: TokenCounts | None = None,
) -> list[tuple[list, bool]]:
    """What the head says at every step, from one forward pass a trajectory.

    Args:
        model, params, tokenizer, trajectories, convention, max_length, batch_tokens, progress,
            mesh, share_prefixes, token_counts: as in `score`.
        reduce: `(head, logits_BSC)` to one number f32[B,S] a step; None keeps all of them.

    Returns:
        Per trajectory a list with a float or f32[C] a step, None where the step did not fit, and
        whether one did not.

    Raises:
        InputError: as in `score`.
    """
    convention = require_convention(convention or tokenizer.convention)
    model = require_head(model, tokenizer, convention)
    longest = max_length or model.config.max_position
    unit = "directions" if model.head.gate else "trajectory"
    encoded = [
        encode_unit(trajectory, tokenizer, convention, longest, unit=unit)
        for trajectory in trajectories
    ]
    logits = encoded_logits(
        model,
        params,
        encoded,
        batch_tokens=batch_tokens,
        progress=progress,
        mesh=mesh,
        reduce=reduce,
        share_prefixes=share_prefixes,
        token_counts=token_counts,
    )
    return [
        (row[: len(trajectory.steps)], bool(item.truncated))
        for row, item, trajectory in zip(logits, encoded, trajectories, strict=True)
    ]


def encoded_logits(
    model,
    params,
    encoded: Sequence[Encoded],
    *,
    batch_tokens: int = BATCH_TOKENS,
    progress: Callable[[int], None] | None = None,
    mesh=None,
    reduce: Callable | None = None,
    share_prefixes: bool = False,
    token_counts: TokenCounts | None = None,
) -> list[list]:
    """What the head says at every step of trajectories that are encoded already.

    Args:
        model, params, batch_tokens, progress, mesh, share_prefixes, token_counts: as in `score`.
        encoded: trajectories, of both directions for a gated head.
        reduce: as in `head_logits`.

    Returns:
        Per trajectory a float or f32[C] a step, None where the step did not fit.

    Raises:
        InputError: prefixes are shared, and the head reads more than the ends of steps.
    """
    function = _all_logits if reduce is None else partial(reduced_logits, reduce)
    forward = partial(_forward, function, model, params, mesh)
    options = dict(batch_tokens=batch_tokens, mesh=mesh, progress=progress)
    if share_prefixes:
        require_shareable(model, encoded)
        return tree_step_values(encoded, forward, counts=token_counts, **options)
    return step_values(encoded, forward, **options)


def require_convention(convention) -> StepConvention:
    """The convention, or an `InputError` that says how to give one."""
    if convention is None:
        raise InputError(
            "the model does not record how its steps are marked",
            field="convention",
            remedy="give one, for example trl",
        )
    return convention


def require_step_convention(convention) -> StepConvention:
    """The convention, or an `InputError` if there is none or it scores solutions, not steps."""
    convention = require_convention(convention)
    if convention.marker in OF_SOLUTION:
        raise InputError(
            f"{convention.name!r} gives one score a solution, and this needs one a step",
            field="convention",
            remedy="use a process reward model, or give the convention of one",
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
def _all_logits(model, params, batch):
    """Logits f32[B,S,C] of the head at the steps of a packed batch, or of one of trees."""
    tokens_BT, step_positions_BS = batch["tokens"], batch["step_positions"]
    chex.assert_rank(step_positions_BS, 2)
    chex.assert_type([tokens_BT, step_positions_BS], jnp.int32)
    layout = (batch.get(name) for name in ("positions", "segment_ids"))
    output = model.apply({"params": params}, tokens_BT, *layout, trees=batch.get("trees"))
    return read_steps(model, params, output.hidden_BTD, batch)


@partial(jax.jit, static_argnums=(0, 1))
def reduced_logits(reduce, model, params, batch):
    """One number f32[B,S] a step: the program that scores a batch.

    Args:
        reduce: `(head, logits_BSC)` to f32[B,S].
        model: `Decoder` with a head. params: its parameters.
        batch: what `models.step_reader.STEP_ARRAYS` names of a packed batch, or one of trees.
    """
    return reduce(model.head, _all_logits(model, params, batch))


def _forward(function, model, params, mesh, batch):
    read = {name: array for name, array in batch.items() if name in (*STEP_ARRAYS, "trees")}
    return on_mesh(function, model, params, read, mesh)


def _sigmoid(s):
    return float(np.exp(-np.logaddexp(0.0, -s)))
