"""BiPRM, first version: the steps are also read in reverse order, by the same model.

Source: arXiv:2508.01682v1. With f_t the score of step t read from left to right and b_t its score
when the last step is read first (see `data.reversed_steps`),

    z_t = mean(f_t, b_t)

No parameter is added. UNSURE: whether log-odds or probabilities are averaged, so `merge` says it.
Both streams are one call of the scorer, so they share packed rows. Only complete solutions have a
right-to-left stream; the score of a step depends on the steps after it.
"""

import dataclasses

from prm_jax.data.reversed_steps import reverse_steps
from prm_jax.scoring.discriminative import StepScores, require_convention
from prm_jax.scoring.merging import check_merge, merge_scores, share_progress


def bidirectional(scorer, *, merge: str = "logit"):
    """The mean of the two reading directions.

    Args:
        scorer: what scores the steps of either stream.
        merge: mean of the log-odds ('logit') or of the probabilities ('probability').

    Returns:
        A scorer; a step has None if it did not fit in one of the streams: of a solution that is too
        long, the first steps are missing in the one and the last in the other.

    Raises:
        InputError: the merge is unknown.
    """
    check_merge(merge)

    def score(model, params, tokenizer, trajectories, *, convention=None, progress=None, **options):
        convention = require_convention(convention or tokenizer.convention)
        numbered = [_with_texts(trajectory, convention) for trajectory in trajectories]
        streams = scorer(
            model,
            params,
            tokenizer,
            numbered + [reverse_steps(trajectory) for trajectory in numbered],
            # The steps hold the convention's text already, so a number goes with its step.
            convention=dataclasses.replace(convention, step="{step}"),
            progress=share_progress(progress, 2 * len(numbered), len(numbered)),
            **options,
        )
        forward, backward = streams[: len(trajectories)], streams[len(trajectories) :]
        return [
            merge_scores((f, _turned(b)), merge) for f, b in zip(forward, backward, strict=True)
        ]

    return score


def _with_texts(trajectory, convention):
    steps = tuple(
        convention.step.replace("{number}", str(number)).replace("{step}", step)
        for number, step in enumerate(trajectory.steps, 1)
    )
    return dataclasses.replace(trajectory, steps=steps)


def _turned(scores):
    return StepScores.from_logits(scores.step_logits[::-1], scores.truncated)
