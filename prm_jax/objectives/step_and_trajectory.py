"""Step rewards and one reward for the whole trajectory, trained together (ReasonFlux-PRM,
arXiv:2506.18896; Fin-PRM, arXiv:2508.15202)."""

import functools

import chex
import jax
import jax.numpy as jnp

from prm_jax.errors import InputError
from prm_jax.objectives.bce import bce
from prm_jax.objectives.mse import mse
from prm_jax.objectives.reduction import mean_over_mask, same_trajectory

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


def step_and_trajectory_of_rows(
    logits_BSC,
    labels_BS,
    mask_BS,
    *,
    outcomes_BS,
    outcome_mask_BS,
    trajectory_BS,
    loss="mse",
    step_weight=1.0,
    trajectory_weight=1.0,
):
    """`step_and_trajectory` of each trajectory of packed rows, averaged over trajectories.

    Args:
        logits_BSC: float[B,S,2]: log-odds of the step, and of the whole trajectory, which is read
            at its last step.
        labels_BS, mask_BS: step labels.
        outcomes_BS, outcome_mask_BS: the trajectory's label in [0, 1] at its last step.
        trajectory_BS: i32[B,S], the trajectory of each step, 0 where there is none.
        loss, step_weight, trajectory_weight: as in `step_and_trajectory`.

    Returns:
        `(loss, metrics)`: f32[], and a dict of f32[]: 'weight', the number of trajectories with a
        label of either kind, 'accuracy' of steps averaged within trajectories, 'step_loss' and
        'trajectory_loss'.

    Raises:
        InputError: for an unknown loss.
    """
    real_BS = trajectory_BS > 0
    same_BSS = same_trajectory(real_BS, trajectory_BS)
    later_SS = jnp.tri(real_BS.shape[1], k=-1, dtype=bool).T
    last_BS = real_BS & ~(same_BSS & later_SS).any(-1)
    of_one = functools.partial(
        step_and_trajectory,
        loss=loss,
        step_weight=step_weight,
        trajectory_weight=trajectory_weight,
    )

    def at_slot(scores_S, labels_S, mask_S, score, label, known):
        return of_one(*(x[None] for x in (scores_S, labels_S, mask_S, score, label, known)))

    over_slots = jax.vmap(at_slot, in_axes=(None, None, 0, 0, 0, 0))
    loss_BS, metrics = jax.vmap(over_slots)(
        logits_BSC[..., 0],
        labels_BS,
        same_BSS & mask_BS[:, None, :],
        logits_BSC[..., 1],
        outcomes_BS,
        outcome_mask_BS & last_BS,
    )
    counted_BS = last_BS & ((metrics["step_weight"] > 0) | (metrics["trajectory_weight"] > 0))
    loss_mean, weight = mean_over_mask(loss_BS, counted_BS)
    shown = {"accuracy": "step_accuracy", "step_loss": "step_loss"}
    shown |= {"trajectory_loss": "trajectory_loss"}
    return loss_mean, {"weight": weight} | {
        name: mean_over_mask(metrics[key], counted_BS)[0] for name, key in shown.items()
    }


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
