"""Measuring a state on held-out trajectories while it is trained."""

import jax
import numpy as np

from prm_jax.data.corpus import Corpus
from prm_jax.data.pipeline import batches
from prm_jax.train import placement


class Validation:
    """Held-out batches of the training shape, and what a state makes of them.

    Args:
        corpus: held-out trajectories.
        data: `config.data`.
        mesh: mesh of the run.
        eval_fn: compiled `train.step.eval_step` of state and batch, with replicated results.
    """

    def __init__(self, corpus: Corpus, data, mesh, eval_fn):
        self._batches = list(batches(corpus, data.rows, data.row_length, data.max_steps))
        self._mesh, self._eval = mesh, eval_fn

    def measure(self, state) -> dict[str, float]:
        """Loss, accuracy and AUROC over all labelled steps.

        Args:
            state: `TrainState`.

        Returns:
            'validation/loss' in nats a step, 'validation/accuracy' of score > 0 against label >=
            0.5, 'validation/auroc' of the scores for label >= 0.5 (NaN if there is one kind only).
        """
        loss = weight = 0.0
        scores, labels = [], []
        for batch in self._batches:
            rows = len(batch["tokens"])
            local = placement.rows_of_process(rows, self._mesh)
            part = {key: value[local] for key, value in batch.items()}
            result = self._eval(state, placement.put_batch(part, rows, self._mesh))
            result = jax.device_get(result)
            loss += float(result["loss"]) * float(result["weight"])
            weight += float(result["weight"])
            scores.append(result["step_logits"][batch["label_mask"]])
            labels.append(batch["step_labels"][batch["label_mask"]])
        s, y = np.concatenate(scores), np.concatenate(labels) >= 0.5
        return {
            "validation/loss": loss / max(weight, 1.0),
            "validation/accuracy": float(np.mean((s > 0) == y)),
            "validation/auroc": auroc(s, y),
        }


def auroc(scores, positive) -> float:
    """Probability that a positive scores higher than a negative, ties counted half.

    Args:
        scores: float[N].
        positive: bool[N].

    Returns:
        In [0, 1]; NaN if all are of one kind.
    """
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not (n_positive and n_negative):
        return float("nan")
    values, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mid_ranks = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = mid_ranks[inverse][positive].sum()
    return float((rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))
