"""Losses on step ends, one family a file, and what each of them can be combined with.

A new objective is a new file and a line in `OBJECTIVES`; its hyperparameters are the keyword
arguments of its function that have a default.
"""

import dataclasses
from collections.abc import Callable

from prm_jax.errors import InputError
from prm_jax.objectives.bce import bce
from prm_jax.objectives.mse import mse
from prm_jax.objectives.options import with_options
from prm_jax.objectives.orm_bce import orm_bce
from prm_jax.objectives.orm_every_step import orm_every_step
from prm_jax.objectives.q_ranking import q_ranking
from prm_jax.objectives.two_class import two_class, two_token

__all__ = [
    "OBJECTIVES",
    "Objective",
    "bce",
    "check",
    "mse",
    "orm_bce",
    "orm_every_step",
    "q_ranking",
    "two_class",
    "two_token",
]


@dataclasses.dataclass(frozen=True)
class Objective:
    """An objective and its place in a run.

    Fields:
        loss: `(scores_BS | logits_BSC, labels_BS, mask_BS, **hyper) -> (loss, metrics)`.
        reads: 'score' for one logit per step, 'logits' for all classes.
        heads: which heads it accepts, as (kind, number of classes).
        refusal: why it accepts no others.
        supervise: 'steps' or 'outcome', how trajectories are labelled for it (`text.encode`).
        by_trajectory: whether the loss takes `trajectory_BS`, because steps of one trajectory
            meet in it.
    """

    loss: Callable
    reads: str
    heads: frozenset[tuple[str, int]]
    refusal: str
    supervise: str = "steps"
    by_trajectory: bool = False


_ONE = frozenset({("scalar", 1), ("linear", 1), ("mlp", 1)})
_TWO = frozenset({("linear", 2), ("mlp", 2)})
_TOKENS = frozenset({("two_token", 2)})
_ONE_PROBABILITY = _ONE | _TWO | _TOKENS

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
    "mse": Objective(
        mse,
        "score",
        _ONE_PROBABILITY,
        "a label is one probability, which more than two classes do not give",
    ),
    "q_ranking": Objective(q_ranking, "score", _ONE, "a Q value is one logit", by_trajectory=True),
    "orm_bce": Objective(
        orm_bce,
        "score",
        _ONE_PROBABILITY,
        "an outcome is one probability, which more than two classes do not give",
        supervise="outcome",
    ),
    "orm_every_step": Objective(
        orm_every_step,
        "score",
        _ONE_PROBABILITY,
        "an outcome is one probability, which more than two classes do not give",
        supervise="outcome",
        by_trajectory=True,
    ),
}


def check(name, head, options="") -> Objective:
    """Looks an objective up for a head and sets its hyperparameters.

    Args:
        name: key of `OBJECTIVES`.
        head: the model's HeadConfig (its `kind` and `n_classes` are read), or None.
        options: hyperparameters by name as a JSON object, such as '{"margin": 2}'; '' leaves the
            defaults.

    Returns:
        The `Objective`.

    Raises:
        InputError: if there is no such objective, if it makes no sense with this head, or if it has
            no such hyperparameter or value.
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
    if not options:
        return objective
    loss = with_options(name, objective.loss, options, reads=objective.reads)
    return dataclasses.replace(objective, loss=loss)
