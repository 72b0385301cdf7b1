"""What all checkers share: comparing each step's claim with what the text before it implies."""

import re
from typing import Any, NamedTuple, Protocol

from prm_jax.errors import InputError

CHECK = re.compile(r"\b(?:check|verify)\b")
REPAIR = re.compile(r"\b(?:wrong|corrects|not what)\b")
ANSWER = re.compile(r"\banswer(?: is|:) (.+)\.$", re.IGNORECASE)


class Claim(NamedTuple):
    """What a step says: where it starts (None if it does not say), what it does, what results."""

    source: Any
    operation: Any
    result: Any


class Checker(Protocol):
    """Reads the texts of one family."""

    def read_problem(self, text: str) -> Any:
        """The problem, or None if the text is of another family."""

    def start(self, problem: Any) -> Any:
        """The state before the first step."""

    def read_step(self, text: str) -> Claim | None:
        """The claim of a step, or None if it cannot be read."""

    def follows(self, problem: Any, index: int, state: Any, claim: Claim) -> bool:
        """Whether the claim is right as operation number `index` from `state`."""

    def answers(self, problem: Any, state: Any, answer: str) -> bool:
        """Whether the answer is the one that `state` gives."""


def judge(checker: Checker, problem, steps) -> list[float]:
    """1.0 or 0.0 per step; raises InputError for a step that cannot be read."""
    state = before = checker.start(problem)
    done, verdicts = 0, []
    for number, text in enumerate(steps):
        answer = ANSWER.search(text)
        if answer:
            verdicts.append(float(checker.answers(problem, state, answer[1])))
            continue
        claim = checker.read_step(text)
        if claim is None:
            raise InputError(f"the checker cannot read {text!r}", field=f"steps[{number}]")
        if CHECK.search(text):
            right = done > 0 and checker.follows(problem, done - 1, before, claim)
            right = right and (claim.result != state) == bool(REPAIR.search(text))
        else:
            before = state
            right = checker.follows(problem, done, state, claim)
            done += 1
        verdicts.append(float(right))
        state = claim.result
    return verdicts
