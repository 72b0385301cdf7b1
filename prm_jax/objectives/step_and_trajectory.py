"""Step rewards and one reward for the whole trajectory, trained together (ReasonFlux-PRM,
arXiv:2506.18896; Fin-PRM, arXiv:2508.15202)."""

import chex
import jax

from prm_jax.errors import InputError
from prm_jax.objectives.bce import bce
from prm_jax.objectives.mse import mse

LOSSES = {"mse": mse, "bce": bce}


def step_and_trajectory(
    scores_BS,
    labels_BS,
    mask_BS,
    trajectory_scores_B,
    trajectory_labels_B,
    trajectory_mask_B,
    *,
    loss="mse",
    step_weight=1.0,
    trajectory_weight=1.0,
):
    """Weighted sum of the mean loss of steps and the mean loss of trajectories.

    ReasonFlux-PRM uses squared errors, Fin-PRM cross-entropy, where the logits of a two-class head
    come in as their difference. UNSURE: both weights, and whether ReasonFlux averages the steps
    within each trajectory first; here every labelled step counts alike.

    Args:
        scores_BS: float[B,S] step logits.
        labels_BS: float[B,S] in [0, 1].
        mask_BS: bool[B,S], True where a step is labelled.
        trajectory_scores_B: float[B] logits of the trajectories, read where the model has seen all
            of them.
        trajectory_labels_B: float[B] in [0, 1].
        trajectory_mask_B: bool[B], True where a trajectory is labelled.
        loss: 'mse' or 'bce', of both parts.
        step_weight, trajectory_weight: of the parts.

    Returns:
        `(loss, metrics)`: f32[], and a dict of f32[]: 'step_loss', 'step_accuracy', 'step_weight'
        as the part's loss gives them, and the same for 'trajectory'. A part without labels is 0.

    Raises:
        InputError: for an unknown loss.
    """
    if loss not in LOSSES:
        raise InputError(
            f"unknown loss {loss!r}", field="loss", remedy=f"known are {', '.join(LOSSES)}"
        )
    chex.assert_rank(trajectory_scores_B, 1)
    steps, metrics = LOSSES[loss](scores_BS, labels_BS, mask_BS)
    whole, whole_metrics = LOSSES[loss](
        *(x[:, None] for x in (trajectory_scores_B, trajectory_labels_B, trajectory_mask_B))
    )
    parts = {
        **{f"step_{name}": value for name, value in {"loss": steps, **metrics}.items()},
        **{f"trajectory_{name}": value for name, value in {"loss": whole, **whole_metrics}.items()},
    }
    return step_weight * steps + trajectory_weight * whole, parts


def combined_step_reward(rewards_KBS):
    """One step label of several judgements, the larger ones counting more (ReasonFlux-PRM).

    Args:
        rewards_KBS: float[K,B,S], for instance agreement of a step with the final response, its
            quality to a judge and its coherence with the step before.

    Returns:
        f32[B,S], the sum over k of softmax(rewards)_k * reward_k. UNSURE: known from summaries of
        the paper only.
    """
    return (jax.nn.softmax(rewards_KBS, axis=0) * rewards_KBS).sum(0)
