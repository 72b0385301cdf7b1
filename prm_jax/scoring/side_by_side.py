"""Scorers of heads that give two log-odds side by side (`HeadConfig.reading` = 'first').

effective_reward     Q of the base policy and the value of a prover (PAV, arXiv:2410.08146)
trajectory_reward    the reward of steps and of the whole (ReasonFlux-PRM, arXiv:2506.18896)
"""

import numpy as np

from prm_jax.errors import InputError
from prm_jax.objectives.prover_advantage import effective_reward as q_plus_advantage
from prm_jax.scoring.discriminative import StepScores, head_logits


def effective_reward(*, alpha: float = 0.5, start: float = -1.0):
    """Q of the base policy + alpha * advantage of the prover, by which beams are ranked.

    The advantage of a step is the prover's value after it less that before it. The scores are
    brought from [-alpha, 1 + alpha] to [0, 1] by a line, which keeps their order.

    Args:
        alpha: 0.5 in search; not negative.
        start: the prover's value at the question alone; negative is unknown, and the first step
            then has no advantage. UNSURE: the paper estimates it by rollouts.

    Returns:
        A scorer of models trained with `prover_values`.

    Raises:
        InputError: alpha is negative, or start above 1. The scorer: the model has another head.
    """
    if alpha < 0 or start > 1:
        raise InputError(f"alpha={alpha}, start={start}", field="effective_reward")

    def score(model, params, tokenizer, trajectories, **options):
        _require_two(model, "prover_values")
        rows = head_logits(model, params, tokenizer, trajectories, **options)
        return [_scores(rewards(logits), truncated) for logits, truncated in rows]

    def rewards(logits):
        known = [_sigmoid(value) for value in logits if value is not None]
        if known:
            value, prover = np.array(known).T
            before = np.append(start if start >= 0 else prover[0], prover[:-1])
            total = q_plus_advantage(value, prover - before, alpha)
            known = ((total + alpha) / (1 + 2 * alpha)).tolist()
        return [*known, *[None] * (len(logits) - len(known))]

    return score


def trajectory_reward(*, alpha: float = 1.0):
    """Mean of the step rewards + alpha * the reward of the whole, over 1 + alpha.

    Args:
        alpha: weight of the whole; not negative. UNSURE: the paper's.

    Returns:
        A scorer of models trained with `step_and_trajectory`; the solution's score stands at its
        last step and the others have None. A truncated solution has none.

    Raises:
        InputError: alpha is negative. The scorer: the model has another head.
    """
    if alpha < 0:
        raise InputError(f"alpha={alpha} is negative", field="trajectory_reward")

    def score(model, params, tokenizer, trajectories, **options):
        _require_two(model, "step_and_trajectory")
        rows = head_logits(model, params, tokenizer, trajectories, **options)
        return [_scores(whole(logits), truncated) for logits, truncated in rows]

    def whole(logits):
        if any(value is None for value in logits):
            return [None] * len(logits)
        p = _sigmoid(np.array(logits))
        reward = (p[:, 0].mean() + alpha * p[-1, 1]) / (1 + alpha)
        return [*[None] * (len(logits) - 1), float(reward)]

    return score


def _scores(probabilities, truncated):
    logits = [None if p is None else float(_logit(p)) for p in probabilities]
    return StepScores(tuple(probabilities), tuple(logits), truncated)


def _require_two(model, objective):
    if model.head is None or model.head.reading != "first" or model.head.n_classes != 2:
        raise InputError(
            "the model's head does not give two log-odds side by side",
            field="model",
            remedy=f"train one with objective={objective} and model.head.reading=first",
        )


def _sigmoid(x):
    return np.exp(-np.logaddexp(0.0, -np.asarray(x, np.float64)))


def _logit(p):
    # A value of 0 or 1 is one that was rounded.
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return np.log(p) - np.log1p(-p)
