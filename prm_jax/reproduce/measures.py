"""Figures of one seed from the step logits of its model."""

import itertools
import operator
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from prm_jax.evaluate.step_metrics import auroc
from prm_jax.records import Trajectory
from prm_jax.scoring.aggregation import aggregate_batch
from prm_jax.scoring.answers import answer_classes
from prm_jax.scoring.voting import best_of_n, prefix, vote_accuracy


def each_seed(measure: Callable[..., float], *per_seed: Iterable) -> np.ndarray:
    """A figure of every seed.

    Args:
        measure: gives the figure of one seed.
        per_seed: its arguments, each a sequence over the seeds.

    Returns:
        f64[P].
    """
    return np.array([measure(*of) for of in zip(*per_seed, strict=True)], np.float64)


def pass_rate(candidates: Sequence[Trajectory]) -> float:
    """Share of candidates that end right."""
    return float(np.mean([candidate.outcome for candidate in candidates]))


def majority(candidates: Sequence[Trajectory]) -> float:
    """How often the answer of the most candidates of a problem is right.

    Args:
        candidates: with answers and outcomes; those of one `group` follow each other.

    Returns:
        Accuracy, mean over the groups.
    """
    right = []
    for _, group in itertools.groupby(candidates, key=operator.attrgetter("group")):
        members = list(group)
        classes = answer_classes([candidate.answer for candidate in members])
        outcomes = [candidate.outcome for candidate in members]
        alike, everyone = np.ones(len(members)), prefix(len(members), len(members))
        right.append(vote_accuracy(classes, alike, outcomes, everyone))
    return float(np.mean(right))


def probabilities(logits: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Step logits of trajectories as probabilities in one array.

    Returns:
        `(p_BS, mask_BS)`: f64[B,S], and bool[B,S] that marks the steps there are.
    """
    lengths_B = np.array([len(steps) for steps in logits])
    mask_BS = np.arange(lengths_B.max()) < lengths_B[:, None]
    logits_BS = np.zeros(mask_BS.shape)
    logits_BS[mask_BS] = np.concatenate(logits)
    return 1 / (1 + np.exp(-logits_BS)), mask_BS


def step_auroc(trajectories: Sequence[Trajectory], logits: Sequence[np.ndarray]) -> float:
    """Probability that a right step scores above a wrong one; all steps must be labelled."""
    labels = [label for trajectory in trajectories for label in trajectory.step_labels()]
    return float(auroc(np.concatenate(logits), np.array(labels, np.float64))[0])


def outcome_auroc(
    candidates: Sequence[Trajectory], logits: Sequence[np.ndarray], aggregation: str = "min"
) -> float:
    """Probability that a solution that ends right scores above one that ends wrong."""
    scores_B = aggregate_batch(*probabilities(logits), aggregation)
    return float(auroc(scores_B, [candidate.outcome for candidate in candidates])[0])


def best_of(
    n: int,
    candidates: Sequence[Trajectory],
    logits: Sequence[np.ndarray],
    aggregation: str = "min",
) -> float:
    """How often the best-scored of n candidates ends right.

    Args:
        n: candidates to choose among; the mean is over all subsets of that size.
        candidates: with outcomes; those of one `group` follow each other, as many in each.
        logits: of their steps.
        aggregation: a name in `scoring.aggregation.AGGREGATIONS`.

    Returns:
        Accuracy, mean over the groups.
    """
    n_groups = len({candidate.group for candidate in candidates})
    scores_PG = aggregate_batch(*probabilities(logits), aggregation).reshape(n_groups, -1)
    right_PG = np.array([candidate.outcome for candidate in candidates]).reshape(n_groups, -1)
    chosen = [best_of_n(s_G.tolist(), right_G, n) for s_G, right_G in zip(scores_PG, right_PG)]
    return float(np.mean(chosen))


def first_error_accuracy(
    trajectories: Sequence[Trajectory], logits: Sequence[np.ndarray], threshold: float = 0.5
) -> float:
    """Share of trajectories whose first step scored below the threshold is their first error.

    Args:
        trajectories: with `first_error`; where it is -1, no step may be below.
        logits: of their steps.
        threshold: a probability.
    """
    p_BS, mask_BS = probabilities(logits)
    below_BS = (p_BS < threshold) & mask_BS
    found_B = np.where(below_BS.any(1), below_BS.argmax(1), -1)
    return float(np.mean(found_B == [trajectory.first_error for trajectory in trajectories]))


def best_threshold(
    trajectories: Sequence[Trajectory], logits: Sequence[np.ndarray], n: int = 64
) -> float:
    """The threshold with the highest `first_error_accuracy`, among n quantiles of the scores."""
    quantiles = np.quantile(np.concatenate(logits), np.linspace(0, 1, n))
    tried = [*(1 / (1 + np.exp(-quantiles))).tolist(), 0.5]
    return max(tried, key=lambda t: first_error_accuracy(trajectories, logits, t))
