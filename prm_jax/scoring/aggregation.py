"""From the scores of a solution's steps to one score for the solution.

method           p_t the step probabilities    range     used by
min              min p_t                       [0, 1]    Math-Shepherd, PQM
product          prod p_t                      [0, 1]    Let's Verify Step by Step, Qwen
mean             mean p_t                      [0, 1]    RLHFlow
geometric_mean   (prod p_t)^(1/T)              [0, 1]
last             p_T                           [0, 1]    scores trained as values; outcome models
max              max p_t                       [0, 1]
mean_logit       sigmoid(mean logit p_t)       (0, 1)    DreamPRM
sum_logit        sum logit p_t                 real
sum_log_prob     sum log p_t                   <= 0      product's order, without underflow

Rules: a step without a score (null: it did not fit the model's input) is left out; before a logit
or a log, p is clipped to [CLIP, 1 - CLIP]; a solution without any scored step has no aggregate.
"""

from collections.abc import Callable, Sequence

import numpy as np

from prm_jax.errors import InputError

CLIP = 1e-7
"""Scores of exactly 0 and 1 occur (a bfloat16 softmax gives them) and have no logit."""

RULES = {
    "null_steps": "left out",
    "clip": CLIP,
    "clip_applies_to": "mean_logit, sum_logit, sum_log_prob",
    "no_scored_step": "no score (null)",
}


def _clipped(p_BS):
    return np.clip(p_BS, CLIP, 1 - CLIP)


def logit(p):
    """Log-odds of probabilities, clipped to [CLIP, 1 - CLIP] before."""
    p = _clipped(p)
    return np.log(p) - np.log1p(-p)


def _mean(x_BS, mask_BS):
    return np.sum(x_BS, axis=1, where=mask_BS) / np.sum(mask_BS, axis=1)


def _geometric_mean(p_BS, mask_BS):
    # The power goes inside, so that a long solution does not underflow to 0.
    return np.prod(p_BS ** (1 / np.sum(mask_BS, axis=1, keepdims=True)), axis=1, where=mask_BS)


def _last(p_BS, mask_BS):
    last_B = mask_BS.shape[1] - 1 - np.argmax(mask_BS[:, ::-1], axis=1)
    return np.take_along_axis(p_BS, last_B[:, None], axis=1)[:, 0]


def _mean_logit(p_BS, mask_BS):
    return 1 / (1 + np.exp(-_mean(logit(p_BS), mask_BS)))


AGGREGATIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "min": lambda p_BS, mask_BS: np.min(p_BS, axis=1, where=mask_BS, initial=np.inf),
    "product": lambda p_BS, mask_BS: np.prod(p_BS, axis=1, where=mask_BS),
    "mean": _mean,
    "geometric_mean": _geometric_mean,
    "last": _last,
    "max": lambda p_BS, mask_BS: np.max(p_BS, axis=1, where=mask_BS, initial=-np.inf),
    "mean_logit": _mean_logit,
    "sum_logit": lambda p_BS, mask_BS: np.sum(logit(p_BS), axis=1, where=mask_BS),
    "sum_log_prob": lambda p_BS, mask_BS: np.sum(np.log(_clipped(p_BS)), axis=1, where=mask_BS),
}
SIGNED = ("sum_logit", "sum_log_prob")
"""Methods whose values can be negative, so that they cannot be weights of a vote."""


def aggregate(
    step_scores: Sequence[float | None], method: str = "min", *, empty: float | None = None
) -> float:
    """Turns the step scores of one solution into its score.

    Args:
        step_scores: probabilities in [0, 1] that each step is right; None for a step that was not
            scored.
        method: a name in AGGREGATIONS; the table above gives the formulas.
        empty: the score of a solution without any scored step; None makes it an error.

    Returns:
        The score.

    Raises:
        InputError: a score is not a number in [0, 1], the method is unknown, or nothing was scored
            and `empty` is None.
    """
    check_method(method)
    p_S = np.array([_checked(p, index) for index, p in enumerate(step_scores)], np.float64)
    mask_S = ~np.isnan(p_S)
    if not mask_S.any():
        if empty is None:
            raise InputError("no step has a score", field="step_scores", remedy="or give empty=...")
        return empty
    return float(aggregate_batch(p_S[None], mask_S[None], method)[0])


def aggregate_batch(p_BS, mask_BS, method: str = "min") -> np.ndarray:
    """Turns the step scores of several solutions into their scores.

    Args:
        p_BS: float[B,S] probabilities in [0, 1]; anything where the mask is False.
        mask_BS: bool[B,S], True for a scored step.
        method: a name in AGGREGATIONS.

    Returns:
        f64[B]; NaN for a row without a scored step.

    Raises:
        InputError: the method is unknown.
        ValueError: the shapes differ.
    """
    check_method(method)
    p_BS, mask_BS = np.asarray(p_BS, np.float64), np.asarray(mask_BS, bool)
    if p_BS.ndim != 2 or p_BS.shape != mask_BS.shape:
        raise ValueError(f"scores {p_BS.shape} and mask {mask_BS.shape} must both be [B,S]")
    scores_B = np.full(len(p_BS), np.nan)
    scored_B = mask_BS.any(axis=1)
    if scored_B.any():
        p_BS = np.where(mask_BS, p_BS, 0.5)[scored_B]
        scores_B[scored_B] = AGGREGATIONS[method](p_BS, mask_BS[scored_B])
    return scores_B


def check_method(method: str) -> None:
    """Raises `InputError` for a method that is not in AGGREGATIONS."""
    if method not in AGGREGATIONS:
        raise InputError(
            f"unknown aggregation {method!r}",
            field="aggregation",
            remedy=f"known are {', '.join(AGGREGATIONS)}",
        )


def _checked(p, index):
    if p is None:
        return np.nan
    if isinstance(p, bool | str) or not 0 <= p <= 1:
        raise InputError(f"{p!r} is not a probability in [0, 1]", field=f"step_scores[{index}]")
    return p
