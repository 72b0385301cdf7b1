"""What the numbers and the regular expressions of a configuration may be, checked before any work.

A kind of configuration has a table from its keys to `Range`s; `*.NAME` stands for all keys that
end in NAME and have no row of their own.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prm_jax.errors import InputError


@dataclass(frozen=True)
class Range:
    """What a number may be.

    Fields:
        low, high: least and greatest value.
        above: whether `low` itself is left out. below: whether `high` is.
    """

    low: float
    high: float
    above: bool = False
    below: bool = False

    def problem(self, value) -> str | None:
        """What is wrong with a value, None if nothing is."""
        if not math.isfinite(value):
            return f"{value} is no finite number"
        if value < self.low or self.above and value == self.low:
            return f"{value} is {'not above' if self.above else 'below'} {_plain(self.low)}"
        if value > self.high or self.below and value == self.high:
            return f"{value} is {'not below' if self.below else 'above'} {_plain(self.high)}"
        return None

    def __str__(self):
        low = f"above {_plain(self.low)}" if self.above else f"from {_plain(self.low)}"
        if self.below:
            return f"{low} to below {_plain(self.high)}"
        return f"{low} {'and at most' if self.above else 'to'} {_plain(self.high)}"

    def check(self, value, field: str) -> None:
        """Raises `InputError` for a number that is not within.

        Args:
            value: the number.
            field: name of the key or flag, for the message.
        """
        if problem := self.problem(value):
            raise InputError(problem, field=field, remedy=f"give a number {self}")


COUNT = Range(1, 10**9)
COUNT_OR_NONE = Range(0, 10**9)
SHARE = Range(0, 1)
SHARE_ABOVE_0 = Range(0, 1, above=True)
SEED = Range(0, 2**32 - 1)
TOKENS = Range(1, 2**24)
ROWS = Range(1, 2**20)
WIDTH = Range(1, 2**16)
DEPTH = Range(1, 10**4)
RESAMPLES = Range(1, 10**6)  # of a bootstrap


def check_numbers(values: Mapping[str, Any], ranges: Mapping[str, Range]) -> None:
    """Checks every number of a configuration, those in tuples too.

    Args:
        values: by flattened key.
        ranges: what they may be.

    Raises:
        InputError: names the key, the value and what it may be; or a number has no range, since
            nothing reads it.
    """
    for key, value in values.items():
        for number in _numbers(value):
            allowed = ranges.get(key, ranges.get(f"*.{key.rpartition('.')[2]}"))
            if allowed is None:
                raise InputError(
                    "is no number of such a configuration", field=key, remedy="leave it out"
                )
            allowed.check(number, key)


def check_patterns(values: Mapping[str, Any], keys: Iterable[str]) -> None:
    """Raises `InputError` for what is no regular expression.

    Args:
        values: by flattened key.
        keys: those with regular expressions.
    """
    for key in keys:
        for pattern in values.get(key) or ():
            check_pattern(pattern, key)


def check_pattern(pattern, key: str) -> None:
    """The same of one."""
    try:
        re.compile(pattern)
    except (re.error, TypeError) as error:
        raise InputError(
            f"{pattern!r} is no regular expression: {error}",
            field=key,
            remedy="dots, brackets and the like are written with a backslash before them",
        ) from error


def _numbers(value):
    if isinstance(value, list | tuple):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def _plain(number):
    return f"{number:g}" if isinstance(number, float) else str(number)
