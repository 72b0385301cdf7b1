"""Answering a problem only where the judgement of a candidate can be trusted.

A rule says which judged candidates are accepted; a policy chooses among those of one problem, asks
for another one, asks another model, or abstains. All are pure functions of what was judged.
"""

import dataclasses
from collections.abc import Callable, Sequence

from prm_jax.calibration.judged import RIGHT, Judged
from prm_jax.errors import InputError

Accept = Callable[[Judged], bool]

ACCEPTED, NONE_ACCEPTED = "accepted", "none accepted"
BEST, SECOND = "best of none accepted", "second model"
OTHERWISE = ("abstain", "best")
ACCEPTANCE = {
    "all_steps": ("step", "every step is admitted and predicted right"),
    "last_step": ("step", "the last step is"),
    "solution": ("solution", "the solution is; it was judged as a whole"),
    "region>=x": (None, "every step, or the solution, is predicted right at level x or above"),
}
"""name: (what must have been judged, what is accepted). A step that did not fit is not admitted."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """What a policy makes of a problem.

    Fields:
        index: of the candidate that is the answer, among the second model's if the reason is
            SECOND; None abstains.
        reason: ACCEPTED, NONE_ACCEPTED, BEST or SECOND.
        draws: candidates that were looked at.
        second_draws: those of the second model.
    """

    index: int | None
    reason: str
    draws: int
    second_draws: int = 0


def accept_rule(name: str, at_least: float | None = None) -> Accept:
    """A rule by its name.

    Args:
        name: in ACCEPTANCE, with a level in (0, 1] for x.
        at_least: a level that stands in for the accuracy that was asked for when the file was
            judged, and for x.

    Returns:
        A function of a candidate; it raises `InputError` for one that was judged otherwise than
        the rule needs.

    Raises:
        InputError: no such rule or level.
    """
    rule, floor = name, at_least
    if name.startswith("region>="):
        rule = "region>=x"
        floor = _level(name.removeprefix("region>=")) if at_least is None else at_least
    if rule not in ACCEPTANCE or name == "region>=x":
        raise InputError(
            f"unknown rule {name!r}", field="accept", remedy=f"one of {', '.join(ACCEPTANCE)}"
        )
    needed, _ = ACCEPTANCE[rule]
    first = -1 if rule == "last_step" else 0

    def accept(candidate: Judged) -> bool:
        if needed not in (None, candidate.level):
            raise InputError(
                f"{rule} does not go with {candidate.id!r}, which was judged by {candidate.level}",
                field="accept",
                remedy=f"judge with level={needed}, or accept region>=x",
            )
        units = list(zip(candidate.prediction, candidate.admitted, candidate.region))[first:]
        return all(
            prediction == RIGHT and _admitted(admitted, region, floor)
            for prediction, admitted, region in units
        )

    return accept


def best_of_n(candidates: Sequence[Judged], accept: Accept) -> Choice:
    """The accepted candidate of the highest score; without one it abstains.

    Args:
        candidates: of one problem.
        accept: which may be the answer.

    Returns:
        `Choice`; of equal scores the first.
    """
    accepted = [i for i, candidate in enumerate(candidates) if accept(candidate)]
    if not accepted:
        return Choice(None, NONE_ACCEPTED, len(candidates))
    return Choice(best(candidates, accepted), ACCEPTED, len(candidates))


def resample(
    candidates: Sequence[Judged], accept: Accept, *, max_draws: int, otherwise: str = "abstain"
) -> Choice:
    """Draws one candidate after the other until one is accepted.

    Args:
        candidates: in the order drawn.
        accept: which is the answer.
        max_draws: no more are drawn.
        otherwise: without one, 'abstain' or take the 'best' of those drawn, by score.

    Returns:
        `Choice` with the number of draws used; what was not drawn has no influence.

    Raises:
        InputError: max_draws below 1, or another `otherwise`.
    """
    if max_draws < 1:
        raise InputError(f"{max_draws} is below 1", field="max_draws")
    if otherwise not in OTHERWISE:
        raise InputError(
            f"unknown {otherwise!r}", field="otherwise", remedy=f"one of {', '.join(OTHERWISE)}"
        )
    drawn = candidates[:max_draws]
    for index, candidate in enumerate(drawn):
        if accept(candidate):
            return Choice(index, ACCEPTED, index + 1)
    if otherwise == "best" and drawn:
        return Choice(best(drawn), BEST, len(drawn))
    return Choice(None, NONE_ACCEPTED, len(drawn))


def route(first: Sequence[Judged], second: Sequence[Judged], accept: Accept) -> Choice:
    """The first model's choice where one is accepted, else the best-scored of the second's.

    Args:
        first, second: candidates of one problem by, or as judged by, two models.
        accept: which of the first model's may be the answer.

    Returns:
        `Choice`; the second model's candidates are only drawn where they are needed.
    """
    choice = best_of_n(first, accept)
    if choice.index is not None or not second:
        return choice
    return Choice(best(second), SECOND, len(first), len(second))


def best(candidates: Sequence[Judged], among: Sequence[int] | None = None) -> int:
    """The candidate of the highest score, the first of equal ones; one without a score ranks last.

    Args:
        candidates: at least one.
        among: the indices that count; None is all.
    """
    indices = range(len(candidates)) if among is None else among
    scores = {i: candidates[i].score for i in indices}
    return max(scores, key=lambda i: (scores[i] is not None, scores[i] or 0.0, -i))


def _admitted(admitted, region, floor):
    if admitted is None or region is None:
        return False
    return admitted if floor is None else region > 0 and region >= round(floor, 6)


def _level(text):
    try:
        level = float(text)
    except ValueError:
        level = 0.0
    if not 0 < level <= 1:
        raise InputError(f"{text!r} is not a level in (0, 1]", field="accept")
    return level
