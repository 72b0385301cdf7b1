"""BiPRM, first version: the steps are also read in reverse order, by the same model.

Source: arXiv:2508.01682v1. With f_t the score of step t read from left to right and b_t its score
when the last step is read first (see `data.reversed_steps`),

    z_t = mean(f_t, b_t)

No parameter is added; the second version's learned gate is a head, `HeadConfig.gate`, which the
discriminative scorer reads. UNSURE: whether log-odds or probabilities are averaged, so `merge` says
it.
Both streams are one call of the scorer, so they share packed rows. Only complete solutions have a
right-to-left stream; the score of a step depends on the steps after it.
"""

from prm_jax.data.units import both_directions
from prm_jax.errors import InputError
from prm_jax.scoring.discriminative import StepScores, require_step_convention
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
        convention = require_step_convention(convention or tokenizer.convention)
        if model.head is not None and model.head.gate:
            raise InputError(
                "the model's head mixes both directions already",
                field="scorer",
                remedy="use discriminative",
            )
        n = len(trajectories)
        both = [both_directions(trajectory, convention) for trajectory in trajectories]
        streams = scorer(
            model,
            params,
            tokenizer,
            [numbered for (numbered, _), _ in both] + [backward for (_, backward), _ in both],
            convention=both[0][1] if both else convention,
            progress=share_progress(progress, 2 * n, n),
            **options,
        )
        forward, backward = streams[:n], streams[n:]
        return [
            merge_scores((f, _turned(b)), merge) for f, b in zip(forward, backward, strict=True)
        ]

    return score


def _turned(scores):
    return StepScores.from_logits(scores.step_logits[::-1], scores.truncated)
