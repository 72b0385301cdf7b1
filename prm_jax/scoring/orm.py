"""Outcome reward models: one score for the whole solution, read at the end of its last step.

Cobbe et al., arXiv:2110.14168; Multi-RM's dORM. The scorer below stays as it is, so any model that
scores steps can be used as an outcome model.
"""

import dataclasses


def orm(scorer):
    """Keeps the score of the last step only.

    Args:
        scorer: what scores the steps.

    Returns:
        A scorer; all steps but the last have None, so every mean and minimum over the steps is the
        score of the last. A truncated solution has no score: its end was not read.
    """

    def score(*arguments, **options):
        return [_last_only(scores) for scores in scorer(*arguments, **options)]

    return score


def _last_only(scores):
    before = (None,) * (len(scores.step_scores) - 1)
    return dataclasses.replace(
        scores,
        step_scores=(*before, scores.step_scores[-1]),
        step_logits=(*before, scores.step_logits[-1]),
    )
