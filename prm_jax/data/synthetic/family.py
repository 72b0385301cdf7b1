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
    WRONG_OPERATION: the step adds where the problem says subtract, or the reverse.
    COPIED_WRONG_VALUE: a part of the previous state that should stay as it is was miscopied.
    WRONG_SIGN: a term was moved to the other side of an equation without changing its sign.
    ONE_SIDE_ONLY: an operation was applied to one side of an equation only.
    PARTIAL_EXPANSION: a factor was multiplied into the first term of a parenthesis only.
    FORGOT_PUSH, FORGOT_POP: a bracket was read and the stack left as it was.
    WRONG_POP: a closing bracket removed another bracket than the top one, or one too many.
    NO_SWAP: a swap was announced and not carried out.
    SWAPPED_WRONG_PAIR: one pair was announced and another one swapped.
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
