"""Process advantage verifiers: what a step adds to another policy's chance of success ("Rewarding
Progress", arXiv:2410.08146).

A verifier learns values of prefixes on soft labels, the shares of rollouts that end right: those of
the base policy, and those of a prover that is not the base policy. Rewards are made of both.
"""

import chex
import jax.numpy as jnp

from prm_jax.objectives.bce import bce
from prm_jax.objectives.reduction import masked, mean_over_mask


def prover_values(
    logits_BSC, labels_BS, mask_BS, *, prover_labels_BS, prover_mask_BS, prover_weight=1.0
):
    """Cross-entropy of two values of every prefix against the shares of rollouts that end right.

    Args:
        logits_BSC: float[B,S,2] log-odds of the base policy's success and of the prover's.
        labels_BS, mask_BS: the base policy's values in [0, 1], and where they are known.
        prover_labels_BS, prover_mask_BS: the prover's; only steps with both count for it.
        prover_weight: of the prover's part.

    Returns:
        `(loss, metrics)`: f32[], the base policy's mean cross-entropy + prover_weight times the sum
        of the prover's over the same number of steps; and 'weight' and 'accuracy' of the base
        policy as `bce` gives them, and 'prover_loss', the mean of the prover's.
    """
    loss, metrics = bce(logits_BSC[..., 0], labels_BS, mask_BS)
    both_BS = mask_BS & prover_mask_BS
    prover_loss, _ = bce(logits_BSC[..., 1], prover_labels_BS, both_BS)
    share, _ = mean_over_mask(both_BS, mask_BS)
    total = loss + prover_weight * share * prover_loss
    return total, {**metrics, "prover_loss": prover_loss}


def prover_advantage(values_BS, start_B, mask_BS):
    """What each step adds to the prover's value: A_t = V_t - V_(t-1), in [-1, 1].

    A prefix and a step give the next prefix, so the value of a step is that of the prefix it ends.
    Of two estimates the difference has the sum of their variances.

    Args:
        values_BS: float[B,S], the prover's value (chance of success) after each step.
        start_B: float[B], its value at the question alone.
        mask_BS: bool[B,S], True where the value is known.

    Returns:
        `(advantage_BS, known_BS)`: f32[B,S], 0 where unknown, and bool[B,S], True where the values
        after a step and before it are known.
    """
    chex.assert_equal_shape([values_BS, mask_BS])
    chex.assert_equal_shape_prefix([values_BS, start_B], 1)
    chex.assert_type(mask_BS, bool)
    before_BS = jnp.concatenate([start_B[:, None], values_BS[:, :-1]], axis=1)
    known_BS = mask_BS & jnp.pad(mask_BS[:, :-1], ((0, 0), (1, 0)), constant_values=True)
    return masked(values_BS - before_BS, known_BS), known_BS


def effective_reward(values_BS, advantage_BS, alpha=0.5):
    """Q of the base policy + alpha * A of the prover, by which steps are rewarded and beams ranked.

    Args:
        values_BS: float[B,S], the base policy's value after each step.
        advantage_BS: float[B,S] of `prover_advantage`.
        alpha: 0.5 in search, 3 to 5 in reinforcement learning. UNSURE which for which size.

    Returns:
        float[B,S].
    """
    chex.assert_equal_shape([values_BS, advantage_BS])
    return values_BS + alpha * advantage_BS


def up_to_first_pit(values_BS, outcomes_B, mask_BS, threshold=0.0):
    """Which prefixes to learn from: of a wrong solution none after the one that is beyond hope.

    Args:
        values_BS: float[B,S] estimated values.
        outcomes_B: float[B], 1 where the solution ends right; these keep all.
        mask_BS: bool[B,S], True where the value is known.
        threshold: a prefix of at most this value is a pit. UNSURE: the paper's bound.

    Returns:
        bool[B,S], a part of `mask_BS`; the first pit itself is in it.
    """
    chex.assert_equal_shape([values_BS, mask_BS])
    pit_BS = mask_BS & (values_BS <= threshold)
    pits_before_BS = jnp.cumsum(pit_BS, axis=1) - pit_BS
    return mask_BS & ((outcomes_B[:, None] >= 0.5) | (pits_before_BS == 0))
