"""Measuring a state on held-out trajectories while it is trained."""

import jax
import numpy as np

from prm_jax.data.corpus import Corpus
from prm_jax.data.pipeline import batches
from prm_jax.evaluate.step_metrics import auroc
from prm_jax.progress import Progress
from prm_jax.train import placement


class Validation:
    """Held-out batches of the training shape, and what a state makes of them.

    Args:
        corpus: held-out trajectories.
        data: `config.data`.
        mesh: mesh of the run.
        eval_fn: compiled `train.step.eval_step` of state and batch, with replicated results.
        attached: functions that add arrays to a batch of this process.
    """

    def __init__(self, corpus: Corpus, data, mesh, eval_fn, attached=()):
        self._batches = list(batches(corpus, data.rows, data.row_length, data.max_steps))
        self._mesh, self._eval, self._attached = mesh, eval_fn, attached

    def measure(self, state, show: Progress | None = None) -> dict[str, float]:
        """Loss, accuracy and AUROC over all labelled steps.

        Args:
            state: `TrainState`.
            show: told of every batch.

        Returns:
            'validation/loss' in nats a step, 'validation/accuracy' of score > 0 against label >=
            0.5, 'validation/auroc' as `evaluate.step_metrics.auroc` has it (NaN if all steps are
            right, or all wrong).
        """
        loss = weight = 0.0
        scores, labels = [], []
        if show:
            show.begin("validating", len(self._batches))
        for number, batch in enumerate(self._batches, 1):
            rows = len(batch["tokens"])
            local = placement.rows_of_process(rows, self._mesh)
            part = {key: value[local] for key, value in batch.items()}
            for attach in self._attached:
                part = attach(part)
            result = self._eval(state, placement.put_batch(part, rows, self._mesh))
            result = jax.device_get(result)
            loss += float(result["loss"]) * float(result["weight"])
            weight += float(result["weight"])
            scores.append(result["step_logits"][batch["label_mask"]])
            labels.append(batch["step_labels"][batch["label_mask"]])
            if show:
                show.update(number)
        s, y = np.concatenate(scores), np.concatenate(labels)
        return {
            "validation/loss": loss / max(weight, 1.0),
            "validation/accuracy": float(np.mean((s > 0) == (y >= 0.5))),
            "validation/auroc": float(auroc(s, y)[0]),
        }
