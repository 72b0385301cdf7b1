"""Step scores from an uncertainty head on a frozen model (UHead, arXiv:2511.06209).

    uncertainty(head="runs/uhead")

The model that is scored with is the one that the head was trained on; nothing of it changes.
"""

import functools
from collections.abc import Callable, Sequence

import jax
import numpy as np

from prm_jax.data.places import listed_steps
from prm_jax.models.attention_features import token_features
from prm_jax.models.uncertainty_head import wrong_logits
from prm_jax.records import Trajectory
from prm_jax.scoring.batched import on_mesh, step_values
from prm_jax.scoring.discriminative import StepScores, require_step_convention
from prm_jax.scoring.log_prob import require_spans
from prm_jax.scoring.trained_on import check_trained_on
from prm_jax.text import StepConvention, encode
from prm_jax.weights.uncertainty import load_uncertainty_head

BATCH_TOKENS = 2048
"""Most tokens of a batch, if it is of several rows: queries and keys of all layers are held."""


def uncertainty(*, head: str):
    """A scorer that reads the model's attention and probabilities with a trained head.

    Args:
        head: directory of the head, a workdir of experiments.train_uncertainty_head.

    Returns:
        A scorer; the log-odds that a step is right are the negative of the head's logit that it is
        wrong.

    Raises:
        InputError: there is no such head. The scorer: the model, its dtype or the way its steps
            are marked are not those of the head's training.
    """
    config, head_params, record = load_uncertainty_head(head)
    judge = jax.jit(functools.partial(wrong_logits, config, head_params))

    def score(
        model,
        params,
        tokenizer,
        trajectories: Sequence[Trajectory],
        *,
        convention: StepConvention | None = None,
        max_length: int | None = None,
        batch_tokens: int = BATCH_TOKENS,
        progress: Callable[[int], None] | None = None,
        mesh=None,
    ) -> list[StepScores]:
        convention = require_step_convention(convention or tokenizer.convention)
        require_spans(convention)
        check_trained_on(head, record, params, convention)
        longest = max_length or model.config.max_position
        encoded = [encode(t, tokenizer, convention, longest) for t in trajectories]
        features = functools.partial(_features, config.history, config.top_k)

        # Of training, which takes long to import.
        from prm_jax.train.uncertainty_features import without_problem

        def forward(batch):
            inputs = {name: batch[name] for name in ("tokens", "positions", "segment_ids")}
            features_BTF = on_mesh(features, model, params, inputs, mesh)
            features_BTF = without_problem(features_BTF, batch, encoded, config)
            steps, places = listed_steps(batch, batch["step_mask"])
            out_BS = np.zeros(batch["step_mask"].shape, np.float32)
            out_BS[places] = -np.asarray(judge(features_BTF, batch["segment_ids"], steps))[
                : len(places[0])
            ]
            return out_BS

        options = dict(batch_tokens=min(batch_tokens, BATCH_TOKENS), mesh=mesh, progress=progress)
        logits = step_values(encoded, forward, **options)
        return [
            StepScores.from_logits(row, bool(item.truncated))
            for row, item in zip(logits, encoded, strict=True)
        ]

    return score


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _features(history, top_k, model, params, inputs):
    return token_features(model, params, inputs, history=history, top_k=top_k)
