"""The objectives that a run can name, and what each of them can be combined with.

A new objective is a new file and a line in `OBJECTIVES`; its hyperparameters are the keyword
arguments of its function that have a default.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable

from prm_jax.errors import InputError
from prm_jax.objectives.bce import bce
from prm_jax.objectives.every_token import bce_every_token, orm_every_token
from prm_jax.objectives.implicit import (
    cumulative_q,
    implicit_of_step_labels,
    implicit_of_steps,
)
from prm_jax.objectives.likelihood import likelihood
from prm_jax.objectives.mse import mse
from prm_jax.objectives.options import with_options
from prm_jax.objectives.orm_bce import orm_bce
from prm_jax.objectives.orm_every_step import orm_every_step
from prm_jax.objectives.pairs import bradley_terry_of_units, ordinal_of_units
from prm_jax.objectives.prover_advantage import prover_values
from prm_jax.objectives.q_ranking import q_ranking
from prm_jax.objectives.step_and_trajectory import step_and_trajectory_of_rows
from prm_jax.objectives.two_class import two_class, two_token

ANY = 0


@dataclasses.dataclass(frozen=True)
class Objective:
    """An objective and its place in a run.

    Fields:
        loss: `(what it reads, labels_BS, mask_BS, **needs, **hyper) -> (loss, metrics)`.
        reads: 'score' for one logit a step, 'logits' for all of the head's, 'tokens' for one logit
            f32[B,T] a token, 'log_prob' for the log-probability f32[B,S] of each step's tokens.
        heads: which heads it accepts, as (kind, number of classes or `ANY`).
        refusal: why it accepts no others.
        reading: the `HeadConfig.reading` it gives the logits.
        supervise: 'steps' or 'outcome', how trajectories are labelled for it (`text.encode`).
        unit: what is packed together for it (`data.units`).
        needs: further arrays of the batch, as `train.step.EXTRAS` names them, that the loss takes
            by keyword.
        step_logits: for 'log_prob': `(log_prob_BS, **needs, **hyper)` gives the log-odds f32[B,S]
            of each step; None where the head gives them.
        step_needs: what `step_logits` takes of the batch.
    """

    loss: Callable
    reads: str
    heads: frozenset[tuple[str, int]] = frozenset()
    refusal: str = ""
    reading: str = "classes"
    supervise: str = "steps"
    unit: str = "trajectory"
    needs: tuple[str, ...] = ()
    step_logits: Callable | None = None
    step_needs: tuple[str, ...] = ()


_ONE = frozenset({("scalar", 1), ("linear", 1), ("mlp", 1), ("easy_to_hard", 1)})
_TWO = frozenset({("linear", 2), ("mlp", 2)})
_MANY = frozenset({("linear", ANY), ("mlp", ANY)})
_TOKENS = frozenset({("two_token", 2)})
_ONE_PROBABILITY = _ONE | _TWO | _TOKENS
_OF_STEP = "a label is one probability, which more than two classes do not give"
_OF_OUTCOME = "an outcome is one probability, which more than two classes do not give"
_TWO_LOG_ODDS = "it reads two log-odds side by side: linear or mlp with n_classes=2"


_OF_LANGUAGE_MODEL = "it reads the language model itself"
_REFERENCE = ("reference_BS", "trajectory_BS")


def _implicit(form, unit):
    return Objective(
        functools.partial(implicit_of_steps, form=form),
        "log_prob",
        refusal=_OF_LANGUAGE_MODEL,
        supervise="outcome",
        unit=unit,
        needs=(*_REFERENCE, "unit_BS", "part_BS"),
        step_logits=cumulative_q,
        step_needs=_REFERENCE,
    )


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
    "mse": Objective(mse, "score", _ONE_PROBABILITY, _OF_STEP),
    "bce_every_token": Objective(
        bce_every_token, "tokens", _ONE, "a token has one logit", needs=("span_BST",)
    ),
    "q_ranking": Objective(
        q_ranking, "score", _ONE, "a Q value is one logit", needs=("trajectory_BS",)
    ),
    "orm_last": Objective(orm_bce, "score", _ONE_PROBABILITY, _OF_OUTCOME, supervise="outcome"),
    "orm_every_step": Objective(
        orm_every_step,
        "score",
        _ONE_PROBABILITY,
        _OF_OUTCOME,
        supervise="outcome",
        needs=("trajectory_BS",),
    ),
    "orm_every_token": Objective(
        orm_every_token,
        "tokens",
        _ONE,
        "a token has one logit",
        supervise="outcome",
        needs=("trajectory_BS", "span_BST"),
    ),
    "bradley_terry": Objective(
        bradley_terry_of_units,
        "score",
        _ONE,
        "a preference is between single scores",
        supervise="outcome",
        unit="pair",
        needs=("unit_BS",),
    ),
    "ordinal": Objective(
        ordinal_of_units,
        "logits",
        _MANY,
        "it reads a distribution over ratings, of a linear or mlp head",
        reading="ratings",
        supervise="outcome",
        unit="pair",
        needs=("unit_BS",),
    ),
    "step_and_trajectory": Objective(
        step_and_trajectory_of_rows,
        "logits",
        _TWO,
        _TWO_LOG_ODDS,
        reading="first",
        needs=("outcomes_BS", "outcome_mask_BS", "trajectory_BS"),
    ),
    "prover_values": Objective(
        prover_values,
        "logits",
        _TWO,
        _TWO_LOG_ODDS,
        reading="first",
        needs=("prover_labels_BS", "prover_mask_BS"),
    ),
    "implicit_ce": _implicit("ce", "trajectory"),
    "implicit_dpo": _implicit("dpo", "pair"),
    "implicit_nca": _implicit("nca", "pair"),
    "implicit_kto": _implicit("kto", "mismatched"),
    "implicit_step_labels": Objective(
        implicit_of_step_labels,
        "log_prob",
        refusal=_OF_LANGUAGE_MODEL,
        needs=_REFERENCE,
        step_logits=cumulative_q,
        step_needs=_REFERENCE,
    ),
    "likelihood": Objective(
        likelihood,
        "log_prob",
        refusal=_OF_LANGUAGE_MODEL,
        supervise="outcome",
        needs=("trajectory_BS", "step_tokens_BS"),
        step_logits=lambda log_prob_BS: log_prob_BS,
    ),
}
OTHER_NAMES = {"orm_bce": "orm_last"}


def check(name, head, options="") -> Objective:
    """Looks an objective up for a head and sets its hyperparameters.

    Args:
        name: key of `OBJECTIVES`, or of `OTHER_NAMES`.
        head: the model's HeadConfig (its `kind`, `n_classes`, `reading` and `gate` are read), or
            None.
        options: hyperparameters by name as a JSON object, such as '{"margin": 2}'; '' leaves the
            defaults.

    Returns:
        The `Objective`; with a gated head its unit is 'directions'.

    Raises:
        InputError: if there is no such objective, if it makes no sense with this head, or if it has
            no such hyperparameter or value.
    """
    name = OTHER_NAMES.get(name, name)
    if name not in OBJECTIVES:
        raise InputError(
            f"unknown objective {name!r}",
            field="objective",
            remedy=f"known are {', '.join(OBJECTIVES)}",
        )
    objective = OBJECTIVES[name]
    if objective.reads == "log_prob":
        if head is not None:
            raise InputError(
                f"objective {name!r} and a head do not go together: {objective.refusal}",
                field="objective",
                remedy="train a language model, with model.head.kind=''",
            )
    else:
        _check_head(name, objective, head)
    if head is not None and head.gate:
        if objective.reads == "tokens" or objective.unit != "trajectory":
            raise InputError(
                f"objective {name!r} and a gate do not go together: a gate mixes the two "
                "directions of one trajectory's steps",
                field="model.head.gate",
            )
        objective = dataclasses.replace(objective, unit="directions")
    if not options:
        return objective
    loss, chosen = with_options(
        name, objective.loss, options, reads=objective.reads, needs=objective.needs
    )
    step_logits = objective.step_logits
    if step_logits is not None:
        taken = inspect.signature(step_logits).parameters
        step_logits = functools.partial(
            step_logits, **{key: value for key, value in chosen.items() if key in taken}
        )
    return dataclasses.replace(objective, loss=loss, step_logits=step_logits)


def _check_head(name, objective, head):
    if head is None:
        raise InputError("the model has no head to train", field="model.head")
    if not {(head.kind, head.n_classes), (head.kind, ANY)} & objective.heads:
        raise InputError(
            f"objective {name!r} and a {head.kind} head with {head.n_classes} classes do not go "
            f"together: {objective.refusal}",
            field="objective",
        )
    if head.reading != objective.reading:
        raise InputError(
            f"objective {name!r} reads the head's logits as {objective.reading}, and the head says "
            f"{head.reading}",
            field="model.head.reading",
            remedy=f"set it to {objective.reading}",
        )
