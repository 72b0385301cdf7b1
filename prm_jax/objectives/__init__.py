"""Losses on step ends, one family a file, and what each of them can be combined with.

A new objective is a new file and a line in `OBJECTIVES`.
"""

import dataclasses
from collections.abc import Callable

from prm_jax.errors import InputError
from prm_jax.objectives.bce import bce
from prm_jax.objectives.orm_bce import orm_bce
from prm_jax.objectives.two_class import two_class, two_token

__all__ = ["OBJECTIVES", "Objective", "bce", "check", "orm_bce", "two_class", "two_token"]


@dataclasses.dataclass(frozen=True)
class Objective:
    """An objective and its place in a run.

    Fields:
        loss: `(scores_BS | logits_BSC, labels_BS, mask_BS, **hyper) -> (loss, metrics)`.
        reads: 'score' for one logit per step, 'logits' for all classes.
        heads: which heads it accepts, as (kind, number of classes).
        refusal: why it accepts no others.
        supervise: 'steps' or 'outcome', how trajectories are labelled for it (`text.encode`).
    """

    loss: Callable
    reads: str
    heads: frozenset[tuple[str, int]]
    refusal: str
    supervise: str = "steps"


_ONE = frozenset({("scalar", 1), ("linear", 1), ("mlp", 1)})
_TWO = frozenset({("linear", 2), ("mlp", 2)})
_TOKENS = frozenset({("two_token", 2)})

OBJECTIVES = {
    "bce": Objective(
        bce, "score", _ONE, "bce needs a head with one logit; with two use two_class or two_token"
    ),
    "two_class": Objective(
        two_class, "logits", _TWO, "two_class needs a linear or mlp head with two classes"
    ),
    "two_token": Objective(
        two_token, "logits", _TOKENS, "two_token reads two columns of the unembedding"
    ),
    "orm_bce": Objective(
        orm_bce,
        "score",
        _ONE | _TWO | _TOKENS,
        "an outcome is one probability, which more than two classes do not give",
        supervise="outcome",
    ),
}


def check(name, head) -> Objective:
    """Looks an objective up for a head.

    Args:
        name: key of `OBJECTIVES`.
        head: the model's HeadConfig (its `kind` and `n_classes` are read), or None.

    Returns:
        The `Objective`.

    Raises:
        InputError: if there is no such objective, or if it makes no sense with this head.
    """
    if name not in OBJECTIVES:
        raise InputError(
            f"unknown objective {name!r}",
            field="objective",
            remedy=f"known are {', '.join(OBJECTIVES)}",
        )
    objective = OBJECTIVES[name]
    if head is None:
        raise InputError("the model has no head to train", field="model.head")
    if (head.kind, head.n_classes) not in objective.heads:
        raise InputError(
            f"objective {name!r} and a {head.kind} head with {head.n_classes} classes do not go "
            f"together: {objective.refusal}",
            field="objective",
        )
    return objective
