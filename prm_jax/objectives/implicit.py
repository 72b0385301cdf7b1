"""Implicit process rewards: a language model trained on outcomes whose log-ratio to its reference
scores every step ("Free Process Rewards without Process Labels", arXiv:2412.01981)."""

import chex
import jax
import jax.numpy as jnp

from prm_jax.errors import InputError
from prm_jax.objectives.bce import bce
from prm_jax.objectives.pairs import preferred
from prm_jax.objectives.reduction import masked, mean_over_mask, same_trajectory

FORMS = ("ce", "dpo", "kto", "nca")


def implicit(
    policy_logp_BT,
    reference_logp_BT,
    mask_BT,
    outcome_B,
    beta=0.05,
    form="ce",
    *,
    outcome_mask_B=None,
    group_B=None,
    baseline=0.0,
    desirable=1.0,
    undesirable=1.0,
):
    """Loss on the rewards r(y) = beta * sum over the response of log pi - log pi_ref.

    The sum is over tokens, or over steps that are sums of tokens themselves; it is not divided by
    the length.

    Forms:
        ce: binary cross-entropy of sigmoid(r) against the outcome.
        dpo: -log sigmoid(r_w - r_l) over pairs of one problem (arXiv:2305.18290).
        nca: -log sigmoid(r_w) - log sigmoid(-r_w) / 2 - log sigmoid(-r_l) / 2 over such pairs
            (arXiv:2402.05369; UNSURE, from memory).
        kto: 1 - sigmoid(r - beta * baseline) for a right solution, 1 - sigmoid(beta * baseline - r)
            for a wrong one, without pairs (arXiv:2402.01306).

    Args:
        policy_logp_BT, reference_logp_BT: float[B,T] log-probabilities in nats. No gradient goes
            into the reference.
        mask_BT: bool[B,T], True at the response: its end included, the prompt not.
        outcome_B: float[B] in [0, 1], whether the solution is right; 'kto' and pairs cut at 0.5.
        beta: scale of the rewards; the paper trains with 0.05. It divides the learning rate's
            effect and sets the size of the rewards, not their order.
        form: which loss.
        outcome_mask_B: bool[B], True where the outcome is known; None is everywhere.
        group_B: i32[B] problem of each solution, for 'dpo' and 'nca'; None if all have the same.
            Every right solution makes a pair with every wrong one of its group.
        baseline: z0 of 'kto' in nats, `kto_baseline`.
        desirable, undesirable: weights of right and wrong solutions in 'kto'.

    Returns:
        `(loss, metrics)`: f32[], and a dict of f32[]: 'weight', the number of solutions or of
        pairs, 'accuracy' of r > 0 against the outcome or the share of pairs in order, and
        'reward', the mean of r. Without any all are 0.

    Raises:
        InputError: for an unknown form.
    """
    chex.assert_rank(policy_logp_BT, 2)
    chex.assert_equal_shape([policy_logp_BT, reference_logp_BT, mask_BT])
    if outcome_mask_B is None:
        outcome_mask_B = jnp.ones(outcome_B.shape, bool)
    if group_B is None:
        group_B = jnp.zeros(outcome_B.shape, jnp.int32)
    reward_B = beta * log_ratio(policy_logp_BT, reference_logp_BT, mask_BT).sum(-1)
    return _loss(
        *(x[None] for x in (reward_B, outcome_B, outcome_mask_B, group_B)),
        form=form,
        shift=beta * baseline,
        desirable=desirable,
        undesirable=undesirable,
    )


def implicit_of_steps(
    policy_BS,
    outcomes_BS,
    mask_BS,
    *,
    reference_BS,
    trajectory_BS,
    unit_BS,
    part_BS,
    form,
    beta=0.05,
    desirable=1.0,
    undesirable=1.0,
):
    """`implicit` on packed rows of steps.

    Args:
        policy_BS: float[B,S], the log-probability of each step's tokens.
        outcomes_BS, mask_BS: the outcome at the last step of each solution.
        reference_BS: float[B,S], as `policy_BS` of the reference.
        trajectory_BS, unit_BS, part_BS: i32[B,S]; solutions of one unit make pairs. For 'kto' part
            1 of a unit holds steps of another problem, for the baseline.
        form, beta, desirable, undesirable: as in `implicit`.

    Returns:
        `(loss, metrics)` as `implicit` gives them.
    """
    real_BS = trajectory_BS > 0
    d_BS = log_ratio(policy_BS, reference_BS, real_BS)
    total_BS = _totals(d_BS, trajectory_BS)
    shift = 0.0
    if form == "kto":
        first_BS = real_BS & ~_has_earlier(trajectory_BS)
        shift = beta * kto_baseline(total_BS, first_BS & (part_BS == 1))
    return _loss(
        beta * total_BS,
        outcomes_BS,
        mask_BS,
        unit_BS,
        form=form,
        shift=shift,
        desirable=desirable,
        undesirable=undesirable,
    )


def implicit_of_step_labels(
    policy_BS, labels_BS, mask_BS, *, reference_BS, trajectory_BS, beta=0.05
):
    """Cross-entropy of the cumulative rewards q against step labels, where there are some.

    Args:
        policy_BS, reference_BS, trajectory_BS, beta: as in `implicit_of_steps`.
        labels_BS: float[B,S] in [0, 1]. mask_BS: bool[B,S], True where a step is labelled.

    Returns:
        `(loss, metrics)` as `bce` gives them.
    """
    return bce(cumulative_q(policy_BS, reference_BS, trajectory_BS, beta=beta), labels_BS, mask_BS)


def kto_baseline(log_ratio_B, mask_B):
    """z0 of KTO: the mean log-ratio of responses to other problems, at least 0, without gradient.

    Args:
        log_ratio_B: float[...], sums over responses of log pi - log pi_ref.
        mask_B: bool[...], True at mismatched ones. Of a batch in parts each part has its own mean.

    Returns:
        f32[] in nats.
    """
    return jax.lax.stop_gradient(jnp.maximum(mean_over_mask(log_ratio_B, mask_B)[0], 0.0))


def log_ratio(policy_logp, reference_logp, mask):
    """log pi - log pi_ref in float32, 0 outside the mask, without gradient into the reference."""
    reference = jax.lax.stop_gradient(masked(reference_logp, mask))
    return masked(policy_logp, mask) - reference


def step_rewards(policy_BS, reference_BS, mask_BS, *, beta=0.05):
    """What each step adds: beta * (log pi - log pi_ref) summed over its tokens, f32[B,S].

    Args:
        policy_BS, reference_BS: float[B,S] log-probabilities of the steps' tokens; without a
            reference give zeros.
        mask_BS: bool[B,S], True at steps.
        beta: scale.
    """
    return beta * log_ratio(policy_BS, reference_BS, mask_BS)


def cumulative_q(policy_BS, reference_BS, trajectory_BS, *, beta=0.05):
    """Q of the prefix that ends with each step: the sum of the step rewards so far, f32[B,S].

    Args:
        policy_BS, reference_BS: as in `step_rewards`.
        trajectory_BS: i32[B,S], the trajectory of each step, 0 where there is none.
        beta: scale.
    """
    rewards_BS = step_rewards(policy_BS, reference_BS, trajectory_BS > 0, beta=beta)
    same_BSS = same_trajectory(trajectory_BS > 0, trajectory_BS)
    up_to_SS = jnp.tri(rewards_BS.shape[1], dtype=bool)
    return jnp.where(same_BSS & up_to_SS, rewards_BS[:, None, :], 0.0).sum(-1)


def _totals(d_BS, trajectory_BS):
    """At every step the sum over its trajectory."""
    same_BSS = same_trajectory(trajectory_BS > 0, trajectory_BS)
    return jnp.where(same_BSS, d_BS[:, None, :], 0.0).sum(-1)


def _has_earlier(trajectory_BS):
    same_BSS = same_trajectory(trajectory_BS > 0, trajectory_BS)
    return (same_BSS & jnp.tri(trajectory_BS.shape[1], k=-1, dtype=bool)).any(-1)


def _loss(reward_BS, outcome_BS, mask_BS, group_BS, *, form, shift, desirable, undesirable):
    """The loss from rewards; solutions of one row and group make pairs."""
    if form not in FORMS:
        raise InputError(
            f"unknown form {form!r}", field="form", remedy=f"known are {', '.join(FORMS)}"
        )
    reward_BS, outcome_BS = masked(reward_BS, mask_BS), masked(outcome_BS, mask_BS)
    softplus = jax.nn.softplus
    if form in ("ce", "kto"):
        if form == "ce":
            loss_BS = softplus(reward_BS) - outcome_BS * reward_BS
        else:
            above_BS = reward_BS - shift
            right_BS = desirable * jax.nn.sigmoid(-above_BS)
            wrong_BS = undesirable * jax.nn.sigmoid(above_BS)
            loss_BS = jnp.where(outcome_BS >= 0.5, right_BS, wrong_BS)
        loss, weight = mean_over_mask(loss_BS, mask_BS)
        accuracy, _ = mean_over_mask((reward_BS > 0) == (outcome_BS >= 0.5), mask_BS)
    else:
        pairs_BSS = preferred(outcome_BS, mask_BS, group_BS)
        chosen_BS1, rejected_B1S = reward_BS[:, :, None], reward_BS[:, None, :]
        if form == "dpo":
            loss_BSS = softplus(rejected_B1S - chosen_BS1)
        else:
            loss_BSS = softplus(-chosen_BS1) + 0.5 * (softplus(chosen_BS1) + softplus(rejected_B1S))
        loss, weight = mean_over_mask(loss_BSS, pairs_BSS)
        accuracy, _ = mean_over_mask(chosen_BS1 > rejected_B1S, pairs_BSS)
    reward, _ = mean_over_mask(reward_BS, mask_BS)
    return loss, {"weight": weight, "accuracy": accuracy, "reward": reward}
