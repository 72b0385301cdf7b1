"""HRM's view of a step: alone, and merged with those before it.

    single      s_t, the step after all steps before it: HRM's own inference, whose only difference
                from a PRM is the training data (see `data.merged_steps`)
    window      w_t, the last `window` steps up to t merged into one, after all steps before them
    fusion      mean(s_t, w_t)

w_t is the score of step t if t is the first; windows at the beginning are as long as they can be.
UNSURE: the released code trains on merged steps and scores single ones; `window` and `fusion` are
what the training data suggests, not what was published.

A window is an input of its own that ends at step t, so S steps cost S inputs of growing length.
With `share_prefixes` only what follows its first joiner is computed: `fusion` of windows of two
costs about two passes. `single` is one pass.
"""

from prm_jax.data.merged_steps import JOINER, merge_last_steps
from prm_jax.errors import InputError
from prm_jax.scoring.discriminative import StepScores
from prm_jax.scoring.merging import check_merge, merge_scores, share_progress

MODES = ("single", "window", "fusion")


def hierarchical(
    scorer, *, mode: str = "fusion", window: int = 2, merge: str = "logit", joiner: str = JOINER
):
    """Scores steps in the context of merged ones.

    Args:
        scorer: what scores the steps of each input.
        mode: a name in MODES.
        window: steps that are merged, at least 2.
        merge: for 'fusion', mean of the log-odds ('logit') or of the probabilities ('probability').
        joiner: text between merged steps.

    Returns:
        A scorer; a step that did not fit in an input it needs has None.

    Raises:
        InputError: the mode, window or merge is not one of these.
    """
    if mode not in MODES:
        raise InputError(
            f"unknown mode {mode!r}", field="hierarchical.mode", remedy=f"one of {MODES}"
        )
    check_merge(merge)
    if window < 2:
        raise InputError(
            f"a window of {window} steps", field="hierarchical.window", remedy="give 2 or more"
        )
    if mode == "single":
        return scorer

    def score(model, params, tokenizer, trajectories, *, progress=None, **options):
        windows = [
            merge_last_steps(trajectory, end, window, joiner)
            for trajectory in trajectories
            for end in range(len(trajectory.steps))
        ]
        singles = trajectories if mode == "fusion" else []
        inputs = [*singles, *windows]
        shared = share_progress(progress, len(inputs), len(trajectories))
        scores = scorer(model, params, tokenizer, inputs, progress=shared, **options)
        ends = iter(scores[len(singles) :])
        coarse = [_last_of_each(ends, len(trajectory.steps)) for trajectory in trajectories]
        if mode == "window":
            return coarse
        return [merge_scores(pair, merge) for pair in zip(scores, coarse)]

    return score


def _last_of_each(inputs, n_steps):
    """`StepScores` made of the last score of each of the next `n_steps` inputs."""
    scores = [next(inputs) for _ in range(n_steps)]
    logits = [item.step_logits[-1] for item in scores]
    return StepScores.from_logits(logits, any(item.truncated for item in scores))
