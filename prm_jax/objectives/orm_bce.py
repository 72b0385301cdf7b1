"""Outcome reward model: one label per solution, read at its last step (Cobbe et al.,
arXiv:2110.14168)."""

from prm_jax.objectives.bce import bce


def orm_bce(scores_BS, outcomes_BS, mask_BS):
    """Mean binary cross-entropy of solution logits against outcomes.

    Args:
        scores_BS: float[B,S] logits; those at a solution's last step count.
        outcomes_BS: float[B,S], 1 where the solution's final answer is right.
        mask_BS: bool[B,S], True at the last step of each solution with a known outcome, which is
            how trajectories are encoded for this objective (`supervise='outcome'`).

    Returns:
        `(loss, metrics)` as `bce` gives them; 'weight' counts solutions.
    """
    return bce(scores_BS, outcomes_BS, mask_BS)
