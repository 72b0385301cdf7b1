"""How near a step is to its problem in a model's hidden states: a signal without a head.

DRM's relevance (arXiv:2510.11457) is what entailment models and rerankers say of question,
reasoning and answer. Here no other model is needed: the relevance of a step is the cosine of the
mean hidden state of the problem's tokens and that of the step's.
"""

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.data.places import problem_tokens
from prm_jax.records import Trajectory
from prm_jax.scoring.batched import BATCH_TOKENS, on_mesh, step_values
from prm_jax.scoring.discriminative import StepScores, require_step_convention
from prm_jax.scoring.log_prob import require_spans
from prm_jax.text import StepConvention, encode

LARGEST = 1 - 1e-6
"""Largest cosine, so that the log-odds stay finite."""


def relevance(
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
    """Scores every step of every trajectory by its nearness to the problem.

    Args:
        model, params, tokenizer, trajectories, convention, max_length, batch_tokens, progress,
            mesh: as in `scoring.score`; a head is not used.

    Returns:
        One `StepScores` a trajectory: `step_scores` are (1 + cosine) / 2, and `step_logits` its
        log-odds; one half without a token before the first step.

    Raises:
        InputError: the convention has a turn a step, in which a step's tokens are not one span.
    """
    convention = require_step_convention(convention or tokenizer.convention)
    require_spans(convention)
    longest = max_length or model.config.max_position
    encoded = [encode(trajectory, tokenizer, convention, longest) for trajectory in trajectories]

    def forward(batch):
        arrays = ("tokens", "positions", "segment_ids", "step_starts", "step_positions")
        inputs = {name: batch[name] for name in arrays}
        inputs["of_problem"] = problem_tokens(batch, encoded)
        return on_mesh(_cosines, model, params, inputs, mesh)

    options = dict(batch_tokens=batch_tokens, mesh=mesh, progress=progress)
    values = step_values(encoded, forward, **options)
    return [
        StepScores.from_logits(
            [None if c is None else float(2 * np.arctanh(c)) for c in row], bool(item.truncated)
        )
        for row, item in zip(values, encoded, strict=True)
    ]


@functools.partial(jax.jit, static_argnums=0)
def _cosines(model, params, inputs):
    """f32[B,S]: cosine of the mean states of each step and of its problem."""
    names = ("tokens", "positions", "segment_ids")
    hidden_BTD = model.apply({"params": params}, *(inputs[name] for name in names)).hidden_BTD
    hidden_BTD = hidden_BTD.astype(jnp.float32)
    segments_BT, ends_BS = inputs["segment_ids"], inputs["step_positions"]
    place_T = jnp.arange(segments_BT.shape[1])
    in_step_BST = (place_T >= inputs["step_starts"][..., None]) & (place_T <= ends_BS[..., None])
    own_BS1 = jnp.take_along_axis(segments_BT, ends_BS, axis=1)[..., None]
    in_problem_BST = (segments_BT[:, None] == own_BS1) & inputs["of_problem"][:, None]

    def direction(mask_BST):
        # The length of a vector is no matter, so the sum does for the mean.
        sum_BSD = jnp.einsum(
            "BST,BTD->BSD",
            mask_BST.astype(jnp.float32),
            hidden_BTD,
            precision=jax.lax.Precision.HIGHEST,
        )
        return sum_BSD / jnp.maximum(jnp.linalg.norm(sum_BSD, axis=-1, keepdims=True), 1e-20)

    cosine_BS = jnp.sum(direction(in_step_BST) * direction(in_problem_BST), axis=-1)
    return jnp.clip(cosine_BS, -LARGEST, LARGEST)
