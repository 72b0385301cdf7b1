"""Features of steps from the states of any model: at the step's end, and the mean so far.

As for SDM estimators of whole answers (arXiv:2509.12760), the state at the last position and the
mean of the states stand side by side; here for every prefix that ends with a step, the mean being
over the solution's tokens up to there. At the last step that is the whole solution's.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.models import gather_steps
from prm_jax.objectives.reduction import same_trajectory
from prm_jax.records import Trajectory
from prm_jax.scoring.batched import BATCH_TOKENS, on_mesh, step_values
from prm_jax.scoring.discriminative import require_step_convention
from prm_jax.scoring.log_prob import STEP_TOKENS, require_spans
from prm_jax.text import StepConvention, encode
from prm_jax.text.encode import Encoded
from prm_jax.train.backbone import keep_layers

LEVELS = ("step", "solution")
"""What a row of features stands for."""


def step_features(
    model,
    params,
    tokenizer,
    trajectories: Sequence[Trajectory],
    *,
    layers: int = -1,
    convention: StepConvention | None = None,
    max_length: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
    progress: Callable[[int], None] | None = None,
    mesh=None,
) -> list[tuple[np.ndarray, bool]]:
    """Features of every step of every trajectory, from one forward pass a trajectory.

    Args:
        model: `Decoder`; a head is not used.
        params, tokenizer, trajectories, convention, max_length, batch_tokens, progress, mesh: as in
            `scoring.score`.
        layers: number of layers whose output is taken, with the final norm; -1 is all.

    Returns:
        Per trajectory `(f32[S, 2D], truncated)`, where S counts the steps that fitted.

    Raises:
        InputError: the convention has a turn a step, or the model has fewer layers.
    """
    how: dict[str, Any] = dict(layers=layers, convention=convention, max_length=max_length)
    model, params, encoded = encoded_steps(model, params, tokenizer, trajectories, **how)
    options: dict[str, Any] = dict(batch_tokens=batch_tokens, progress=progress, mesh=mesh)
    rows = encoded_features(model, params, encoded, **options)
    return [(row, item.truncated) for row, item in zip(rows, encoded, strict=True)]


def solution_features(of_steps: Sequence[tuple[np.ndarray, bool]]):
    """Features of whole solutions: the state at the last step's end, and the mean of the solution.

    Args:
        of_steps: from `step_features`.

    Returns:
        Per trajectory `(f32[1, 2D], False)`, or `(f32[0, 2D], True)` where a step did not fit.
    """
    return [(rows[:0] if cut else rows[-1:].copy(), cut) for rows, cut in of_steps]


def encoded_steps(
    model, params, tokenizer, trajectories: Sequence[Trajectory], *, layers, convention, max_length
):
    """What features are made from: a model without the layers that are left out, and tokens.

    Args:
        model, params, tokenizer, trajectories, layers, convention, max_length: as in
            `step_features`.

    Returns:
        `(model, params, encoded)`.

    Raises:
        InputError: as `step_features`.
    """
    convention = require_step_convention(convention or tokenizer.convention)
    require_spans(convention)
    if layers != -1:
        model, params = keep_layers(layers, model, params)
    longest = max_length or model.config.max_position
    encoded = [encode(trajectory, tokenizer, convention, longest) for trajectory in trajectories]
    return model, params, encoded


def encoded_features(
    model,
    params,
    encoded: Sequence[Encoded],
    *,
    batch_tokens=BATCH_TOKENS,
    progress=None,
    mesh=None,
) -> list[np.ndarray]:
    """Features of the steps of encoded trajectories.

    Args:
        model, params, encoded: from `encoded_steps`.
        batch_tokens, progress, mesh: as in `step_features`.

    Returns:
        Per trajectory f32[S, 2D].
    """

    def forward(batch):
        inputs = {name: batch[name] for name in (*STEP_TOKENS, "step_mask")}
        return on_mesh(packed_features, model, params, inputs, mesh)

    rows = step_values(encoded, forward, batch_tokens=batch_tokens, mesh=mesh, progress=progress)
    width = 2 * model.config.d_model
    return [
        np.array(row[: len(item.step_positions)], np.float32).reshape(-1, width)
        for row, item in zip(rows, encoded, strict=True)
    ]


@functools.partial(jax.jit, static_argnums=0)
def packed_features(model, params, inputs):
    """Features of the steps of packed rows.

    Args:
        model, params: `Decoder`; a head is not used.
        inputs: a batch with `scoring.log_prob.STEP_TOKENS` and `step_mask`.

    Returns:
        f32[B,S,2D]; slots without a step hold numbers without meaning.
    """
    names = ("tokens", "positions", "segment_ids")
    hidden_BTD = model.apply({"params": params}, *(inputs[name] for name in names)).hidden_BTD
    hidden_BTD = hidden_BTD.astype(jnp.float32)
    ends_BS = inputs["step_positions"]
    segment_BS = jnp.take_along_axis(inputs["segment_ids"], ends_BS, axis=1)
    whose_BS = jnp.where(inputs["step_mask"], segment_BS, 0)
    same_BSS = same_trajectory(inputs["step_mask"], whose_BS)
    far = jnp.iinfo(jnp.int32).max
    first_BS = jnp.where(same_BSS, inputs["step_starts"][:, None, :], far).min(-1)
    place_T = jnp.arange(hidden_BTD.shape[1])
    so_far_BST = (place_T >= first_BS[..., None]) & (place_T <= ends_BS[..., None])
    weight_BST = so_far_BST / jnp.maximum(so_far_BST.sum(-1, keepdims=True), 1)
    mean_BSD = jnp.einsum(
        "BST,BTD->BSD", weight_BST, hidden_BTD, precision=jax.lax.Precision.HIGHEST
    )
    return jnp.concatenate([gather_steps(hidden_BTD, ends_BS), mean_BSD], axis=-1)
