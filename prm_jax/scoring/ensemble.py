"""Ensembles: the mean of what several scorers, or several models, say of the same steps."""

from collections.abc import Callable

from prm_jax.errors import InputError
from prm_jax.scoring.merging import check_merge, merge_scores, share_progress
from prm_jax.text import convention as convention_named


def ensemble(*scorers, merge: str = "logit"):
    """The mean of several scorers.

    Args:
        scorers: two or more.
        merge: mean of the log-odds ('logit') or of the probabilities ('probability').

    Returns:
        A scorer; a step that one member could not score has None.

    Raises:
        InputError: fewer than two scorers, or an unknown merge.
    """
    check_merge(merge)
    if len(scorers) < 2:
        raise InputError(
            f"an ensemble of {len(scorers)}",
            field="ensemble",
            remedy='name two or more, for example ensemble(discriminative, model(path="other"))',
        )

    def score(model, params, tokenizer, trajectories, *, progress=None, **options):
        n = len(trajectories)
        shared = share_progress(progress, n * len(scorers), n)
        columns = [
            scorer(model, params, tokenizer, trajectories, progress=shared, **options)
            for scorer in scorers
        ]
        return [merge_scores(members, merge) for members in zip(*columns, strict=True)]

    return score


def other_model(scorer, *, path: str, load: Callable, convention: str | dict | None = None):
    """A scorer that reads another model than the one it is called with.

    Args:
        scorer: what scores the steps.
        path: the other model, as `load_model` takes it.
        load: gives `(model, params, tokenizer)` of a path.
        convention: how that model's steps are marked; by default what it records, else what the
            scorer is called with.

    Returns:
        A scorer that leaves the model, parameters and tokenizer of its call unread.

    Raises:
        InputError: as `load`, or the convention is unknown.
    """
    marking = None if convention is None else convention_named(convention)
    loaded = load(path)

    def score(model, params, tokenizer, trajectories, *, convention=None, **options):
        own = marking or loaded[2].convention or convention
        return scorer(*loaded, trajectories, convention=own, **options)

    return score
