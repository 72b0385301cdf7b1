"""What a family of problems provides, and the kinds of error that its solutions can contain.

A problem is a start state and a list of operations. A solution writes one step per operation with
the state that results, possibly a step that checks the one before it, and a last step that states
the answer.
"""

import abc
import dataclasses
import enum
import functools
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from prm_jax.errors import InputError

# Fewest and most operations of a level: the same for all families, or else the family would tell
# how often a step is wrong.
OPERATION_COUNTS = {1: (2, 3), 2: (3, 5), 3: (4, 6), 4: (5, 7)}


class ErrorKind(enum.StrEnum):
    """How a wrong step came to be wrong, as `meta['error_kind']` of a trajectory says.

    SLIP: the operation is right, its result is off by a little.
    DROPPED_CARRY: a carry, or a borrow, was forgotten in one column.
    WRONG_OPERAND: the step uses another number, bracket or person than the problem says.
    WRONG_OPERATION: the step adds where the problem says subtract, or the like.
    COPIED_WRONG_VALUE: a part of the previous state that should stay as it is was miscopied.
    WRONG_SIGN: a term moved to the other side of an equation, or a product, has the wrong sign.
    ONE_SIDE_ONLY: an operation was applied to one side of an equation only.
    PARTIAL_EXPANSION: a factor was multiplied into the first term of a parenthesis only.
    FORGOT_PUSH, FORGOT_POP: a bracket was read and the stack left as it was.
    WRONG_POP: a closing bracket removed another bracket than the top one, or one too many.
    NO_SWAP: a swap, or another move, was announced and not carried out.
    SWAPPED_WRONG_PAIR: one pair was announced and another one swapped.
    WRONG_RULE: one rule was named and another one applied.
    WRONG_PLACE: the operation was carried out at another place than the right one.
    WRONG_SCOPE: done at one place in place of all, or the reverse.
    REVERSED_RULE: a rule was used backwards, from its conclusion to its condition.
    ADDED_ACROSS: numerators and denominators were added, or subtracted, each by themselves.
    UNSCALED_NUMERATOR: a fraction was given another denominator and kept its numerator.
    INVERTED_FRACTION: a fraction was multiplied by the reciprocal of the one meant.
    PARTIAL_REDUCTION: only the numerator, or only the denominator, was divided.
    KEPT_DIVIDEND: Euclid's algorithm kept the dividend where the divisor should stay.
    WRONG_END: a digit was written at the wrong end of those before it.
    SWAPPED_CARRY: the carry was written down and the digit carried.
    MISALIGNED: a product was put at the wrong place value or power.
    FORGOT_TERM: one of the products or summands was left out.
    ROUNDED_UP: a quotient was rounded up and what it is short of taken as the remainder.
    STALE_VALUE: a variable was read as it was before its last change.
    WRONG_BRANCH: a condition was judged the wrong way round.
    OFF_BY_ONE: the element, or the round of a loop, beside the right one was taken.
    OVERWRITTEN: a value was written over another one, which is lost.
    NOT_NEAREST: another node was settled than the nearest one.
    MISSED_SHORTCUT: the nearest node was settled by a longer way than the shortest.
    WRONG_ORDER: the two sides of a subtraction or a division are exchanged.
    MISSING_CONDITION: a rule was used although one of its conditions does not hold.
    SKIPPED_STEP: the conclusion is one step ahead of what the cited rule gives.
    MISJUDGED_STATEMENT: a statement was taken as true that is false, or the reverse.
    MISQUOTED: a statement was quoted otherwise than it was made.
    MISATTRIBUTED: a statement was put in another person's mouth.
    KEPT_ASSUMPTION: an assumption that led to a contradiction was kept.
    IRRELEVANT_NUMBER: the step uses a number that the problem mentions and nobody needs.
    FORGOT_NEGATION: a 'not' was left out of what follows.
    WRONG_UNIT: a number was taken in another unit than its own.
    WRONG_MONTH_LENGTH: a month was given a day more or fewer than it has.
    WRONG_LEAP_YEAR: a leap year was taken for a common one, or the reverse.
    SELF_CORRECTED: any of the above, found and repaired by the next step.
    FALSE_REPAIR: a check of a right step calls it wrong and replaces its result.
    LUCKY_CANCELLATION: any of the above, undone by a second error: right answer, wrong process.
    """

    SLIP = "slip"
    DROPPED_CARRY = "dropped_carry"
    WRONG_OPERAND = "wrong_operand"
    WRONG_OPERATION = "wrong_operation"
    COPIED_WRONG_VALUE = "copied_wrong_value"
    WRONG_SIGN = "wrong_sign"
    ONE_SIDE_ONLY = "one_side_only"
    PARTIAL_EXPANSION = "partial_expansion"
    FORGOT_PUSH = "forgot_push"
    FORGOT_POP = "forgot_pop"
    WRONG_POP = "wrong_pop"
    NO_SWAP = "no_swap"
    SWAPPED_WRONG_PAIR = "swapped_wrong_pair"
    WRONG_RULE = "wrong_rule"
    WRONG_PLACE = "wrong_place"
    WRONG_SCOPE = "wrong_scope"
    REVERSED_RULE = "reversed_rule"
    ADDED_ACROSS = "added_across"
    UNSCALED_NUMERATOR = "unscaled_numerator"
    INVERTED_FRACTION = "inverted_fraction"
    PARTIAL_REDUCTION = "partial_reduction"
    KEPT_DIVIDEND = "kept_dividend"
    WRONG_END = "wrong_end"
    SWAPPED_CARRY = "swapped_carry"
    MISALIGNED = "misaligned"
    FORGOT_TERM = "forgot_term"
    ROUNDED_UP = "rounded_up"
    STALE_VALUE = "stale_value"
    WRONG_BRANCH = "wrong_branch"
    OFF_BY_ONE = "off_by_one"
    OVERWRITTEN = "overwritten"
    NOT_NEAREST = "not_nearest"
    MISSED_SHORTCUT = "missed_shortcut"
    WRONG_ORDER = "wrong_order"
    MISSING_CONDITION = "missing_condition"
    SKIPPED_STEP = "skipped_step"
    MISJUDGED_STATEMENT = "misjudged_statement"
    MISQUOTED = "misquoted"
    MISATTRIBUTED = "misattributed"
    KEPT_ASSUMPTION = "kept_assumption"
    FORGOT_NEGATION = "forgot_negation"
    IRRELEVANT_NUMBER = "irrelevant_number"
    WRONG_UNIT = "wrong_unit"
    WRONG_MONTH_LENGTH = "wrong_month_length"
    WRONG_LEAP_YEAR = "wrong_leap_year"
    SELF_CORRECTED = "self_corrected"
    FALSE_REPAIR = "false_repair"
    LUCKY_CANCELLATION = "lucky_cancellation"


# Kinds made of another kind plus what the solver does about it; the rest are single wrong steps.
COMPOSITE = (ErrorKind.SELF_CORRECTED, ErrorKind.FALSE_REPAIR, ErrorKind.LUCKY_CANCELLATION)
# Only a check can repair, so where one follows an error it mostly does. The weight of false repairs
# makes a step that says "that was wrong" about as often wrong itself as any other step.
COMPOSITE_WEIGHTS = {
    ErrorKind.SELF_CORRECTED: 12.0,
    ErrorKind.FALSE_REPAIR: 0.6,
    ErrorKind.LUCKY_CANCELLATION: 0.5,
}


@dataclasses.dataclass(frozen=True)
class Move:
    """What one step claims.

    Fields:
        source: the state it starts from, as the step states it.
        operation: what it says it does.
        result: the state it arrives at.
    """

    source: Hashable
    operation: Hashable
    result: Hashable


@dataclasses.dataclass(frozen=True)
class Problem:
    """A problem of some family.

    Fields:
        start: the state before the first operation.
        operations: what is to be done, in order, in the family's own form.
        question: what is asked of the last state, None where there is only one thing to ask.
        limits: bounds that every written state keeps, right or wrong, so that size gives nothing
            away.
    """

    start: Hashable
    operations: tuple[Any, ...]
    question: Any = None
    limits: Any = None


class Family(abc.ABC):
    """A family of problems; its states are hashable and compared with `==`.

    Fields:
        name: the name it is chosen by.
        weights: how often each kind of error is made, among those that can happen at a step.
        n_step_styles: number of phrasings of its steps.
    """

    name: str
    weights: Mapping[ErrorKind, float]
    n_step_styles: int

    @abc.abstractmethod
    def draw(self, rng: np.random.Generator, level: int, n_operations: int) -> Problem:
        """A problem of the given difficulty level (1 to 4) and number of operations."""

    @abc.abstractmethod
    def key(self, problem: Problem) -> str:
        """One line that tells the problem from any other, whatever its phrasing."""

    @abc.abstractmethod
    def move(self, problem: Problem, index: int, state: Any) -> Move | None:
        """The right step for operation `index` from `state`.

        Returns:
            None if the operation cannot be done or its result leaves the limits.
        """

    @abc.abstractmethod
    def corrupt(
        self, rng: np.random.Generator, kind: ErrorKind, problem: Problem, index: int, state: Any
    ) -> Move | None:
        """A wrong step in place of `move(...)`, with another result.

        Returns:
            None if the kind cannot happen here.
        """

    @abc.abstractmethod
    def answer(self, problem: Problem, state: Any) -> str:
        """The final answer that follows from the last state."""

    @abc.abstractmethod
    def misread(self, rng: np.random.Generator, problem: Problem, state: Any) -> str | None:
        """A final answer that does not follow from the last state, as from a miscopied value."""

    @abc.abstractmethod
    def ask(self, rng: np.random.Generator, problem: Problem) -> str:
        """The text of the problem, in a phrasing chosen by `rng`."""

    @abc.abstractmethod
    def say(self, move: Move, style: int) -> str:
        """The text of a step, a full sentence."""

    @abc.abstractmethod
    def clause(self, move: Move) -> str:
        """What a step claims as a part of a sentence, for steps that check another."""

    @abc.abstractmethod
    def conclude(self, answer: str) -> str:
        """The answer as a part of a sentence."""


@functools.lru_cache(maxsize=1024)
def true_states(family: Family, problem: Problem):
    """The states of the right solution, the start state first.

    Returns:
        A tuple of `len(problem.operations) + 1` states, or None if some operation cannot be done.
    """
    states = [problem.start]
    for index in range(len(problem.operations)):
        move = family.move(problem, index, states[-1])
        if move is None:
            return None
        states.append(move.result)
    return tuple(states)


def levels_of(difficulty):
    """Difficulty as a tuple of levels.

    Args:
        difficulty: a level from 1 to 4, or a sequence of levels of which each item draws one.

    Raises:
        InputError: a level that does not exist.
    """
    levels = (difficulty,) if isinstance(difficulty, int) else tuple(difficulty)
    for level in levels or (None,):
        if level not in OPERATION_COUNTS:
            raise InputError(
                f"{level!r} is not a level",
                field="difficulty",
                remedy=f"choose from {', '.join(map(str, OPERATION_COUNTS))}",
            )
    return levels


def choose(rng, options):
    """One of a sequence, each equally likely."""
    return options[int(rng.integers(len(options)))]
