"""Step scores from a language model's log-ratio to its reference ("Free Process Rewards without
Process Labels", arXiv:2412.01981).

    implicit(mode="step", reference="smollm2-135m")

With d_i = log pi(y_i) - log pi_ref(y_i) for each token of the response,

    step          r_k = beta * sum of d over the tokens of step k
    cumulative    q_k = beta * sum of d over all tokens up to the end of step k

are the log-odds of a step's score; the step rewards' sum is the solution's reward. The released
code ranks solutions by the least step reward and finds first errors by the cumulative one: do not
mix them. Without a reference log pi alone counts, which the paper reports nearly as good for a
policy that was trained by rewards.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from prm_jax.errors import InputError
from prm_jax.models.vocabulary import require_unembedding
from prm_jax.records import Trajectory
from prm_jax.scoring.batched import on_mesh, step_values
from prm_jax.scoring.discriminative import StepScores, require_step_convention
from prm_jax.scoring.log_prob import BATCH_TOKENS, STEP_TOKENS, log_probs_of_steps, require_spans
from prm_jax.scoring.merging import share_progress
from prm_jax.text import encode

MODES = ("step", "cumulative")


def implicit(*, load: Callable, mode: str = "step", reference: str = "", beta: float = 0.05):
    """Scores steps by the log-ratio of the model to its reference.

    Args:
        load: gives `(model, params, tokenizer)` of a path.
        mode: 'step' or 'cumulative'.
        reference: the reference model, as `load_model` takes it, with the same tokens; '' is none.
        beta: scale of the log-odds, which orders nothing anew. The paper trains with 0.05; its
            evaluation scripts use 0.001.

    Returns:
        A scorer; log-odds have either sign, and their sigmoid is the score.

    Raises:
        InputError: an unknown mode, or as `load`. The scorer: the convention has a turn a step, or
            the reference has other tokens.
    """
    if mode not in MODES:
        raise InputError(f"unknown mode {mode!r}", field="mode", remedy=" or ".join(MODES))
    other = load(reference) if reference else None

    def score(
        model,
        params,
        tokenizer,
        trajectories: Sequence[Trajectory],
        *,
        convention=None,
        max_length: int | None = None,
        batch_tokens: int = BATCH_TOKENS,
        progress: Callable[[int], None] | None = None,
        mesh=None,
    ) -> list[StepScores]:
        convention = require_step_convention(convention or tokenizer.convention)
        require_spans(convention)
        longest = max_length or model.config.max_position
        encoded = [encode(t, tokenizer, convention, longest) for t in trajectories]
        models = [(model, params)]
        if other is not None:
            _check_same_tokens(reference, other[2], tokenizer)
            models.append(other[:2])
        for of, its_params in models:
            require_unembedding(of.config, its_params)
        n = len(trajectories)
        shared = share_progress(progress, n * len(models), n)
        options = dict(batch_tokens=min(batch_tokens, BATCH_TOKENS), mesh=mesh, progress=shared)
        columns = [
            step_values(encoded, partial(_forward, *each, mesh), **options) for each in models
        ]
        return [
            StepScores.from_logits(_log_odds(rows, mode, beta), bool(item.truncated))
            for rows, item in zip(zip(*columns, strict=True), encoded, strict=True)
        ]

    return score


def _forward(model, params, mesh, batch):
    inputs = {name: batch[name] for name in STEP_TOKENS}
    return on_mesh(log_probs_of_steps, model, params, inputs, mesh)


def _log_odds(rows, mode, beta):
    """Log-odds per step of one solution from its log-probabilities by policy and reference."""
    policy, *reference = rows
    known = [value for value in policy if value is not None]
    rewards = np.array(known) - (np.array(reference[0][: len(known)]) if reference else 0.0)
    rewards = beta * (rewards if mode == "step" else np.cumsum(rewards))
    return (*rewards.tolist(), *(None,) * (len(policy) - len(known)))


def _check_same_tokens(path, other, tokenizer):
    sample = "Step 1: 12 + 30 = 42, so x = 42.\n\nThe answer is \\boxed{42}."
    if other.vocab_size != tokenizer.vocab_size or other.encode(sample) != tokenizer.encode(sample):
        raise InputError(
            "has other tokens than the model that is scored with",
            file=path,
            field="reference",
            remedy="give the model that it was trained from",
        )
