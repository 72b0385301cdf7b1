"""Regular expressions that come with a model's files, tried in a process that can be ended."""

import re
from collections.abc import Sequence
from pathlib import Path

from prm_jax.child import Child, ChildError
from prm_jax.weights.pattern_worker import first_match

TIMEOUT_S = 2.0
MAX_BYTES = 1 << 28
PLAIN = re.compile(r"[\w.]*")
_CHILD = Child(
    Path(__file__).with_name("pattern_worker.py"), max_bytes=MAX_BYTES, max_reply_bytes=10_000
)


class PatternError(Exception):
    """A pattern that cannot be used; `pattern` is the one, or all of which one takes too long."""

    def __init__(self, pattern, problem):
        super().__init__(problem)
        self.pattern = pattern


def first_fitting(patterns: Sequence[str], name: str) -> str | None:
    """The first pattern that ends a dotted name, as peft reads `rank_pattern`; None without one.

    Raises:
        PatternError: one is no regular expression, or they take longer than TIMEOUT_S.
    """
    try:
        # Names without signs, which most are, need no process.
        plain = all(PLAIN.fullmatch(pattern) for pattern in patterns)
        found = (first_match if plain else _ask)(patterns, name)
    except ChildError as error:
        raise PatternError(", ".join(patterns), "takes too long") from error
    index, problem = found
    if problem is not None:
        raise PatternError(patterns[index], f"is no regular expression: {problem}")
    return None if index is None else patterns[index]


def _ask(patterns, name):
    return _CHILD.ask([patterns, name], TIMEOUT_S)
