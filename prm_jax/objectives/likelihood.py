"""Fine-tuning a language model on solutions, all of them or the right ones only (rejection sampling
fine-tuning, arXiv:2308.01825): the policy that implicit rewards start from."""

import jax.numpy as jnp

from prm_jax.objectives.orm_every_step import spread_outcomes
from prm_jax.objectives.reduction import masked, mean_over_mask


def likelihood(
    log_prob_BS, outcomes_BS, mask_BS, *, trajectory_BS, step_tokens_BS, right_only=True
):
    """Mean negative log-probability of the tokens of solutions.

    Args:
        log_prob_BS: float[B,S], the log-probability in nats of each step's tokens.
        outcomes_BS, mask_BS: the outcome at the last step of each solution; others do not count.
        trajectory_BS: i32[B,S], the trajectory of each step.
        step_tokens_BS: i32[B,S], number of tokens of each step.
        right_only: whether solutions with an outcome below 0.5 are left out.

    Returns:
        `(loss, metrics)`: f32[] in nats a token, and 'weight', the number of tokens, and
        'accuracy', the mean probability of a token (its geometric mean over all).
    """
    label_BS, counted_BS = spread_outcomes(outcomes_BS, mask_BS, trajectory_BS)
    if right_only:
        counted_BS &= label_BS >= 0.5
    weight = jnp.sum(masked(step_tokens_BS, counted_BS))
    mean, steps = mean_over_mask(log_prob_BS, counted_BS)
    loss = -mean * steps / jnp.maximum(weight, 1.0)
    return loss, {"weight": weight, "accuracy": jnp.where(weight > 0, jnp.exp(-loss), 0.0)}
